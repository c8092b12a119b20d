import { expect, test } from "bun:test";
import { assemble, type Line } from "../../../../../src/enforce/linux/filter/bpf.ts";
import { runBpf } from "../../../../support/bpf-interpreter.ts";

const call = (nr: number) => ({ nr, arch: 0, args: [] });

function isFive(filler: number): Line[] {
  const padding: Line[] = Array.from({ length: filler }, () => ({ op: "and", mask: 0xffffffff }));
  return [
    { op: "load", offset: 0 },
    { op: "jump", test: "==", value: 5, yes: "five", no: "other" },
    ...padding,
    { op: "label", name: "other" },
    { op: "return", action: 1 },
    ...padding,
    { op: "label", name: "five" },
    { op: "return", action: 2 },
  ];
}

for (const filler of [0, 1, 126, 127, 128, 254, 255, 256, 600]) {
  test(`a jump over ${filler} lines lands where its label is`, () => {
    const program = assemble(isFive(filler));
    expect(runBpf(program, call(5)).action).toBe(2);
    expect(runBpf(program, call(6)).action).toBe(1);
  });
}

test("a far jump with one target falls through where the other one is missing", () => {
  const padding: Line[] = Array.from({ length: 300 }, () => ({ op: "and", mask: 0xffffffff }));
  for (const side of ["yes", "no"] as const) {
    const program = assemble([
      { op: "load", offset: 0 },
      { op: "jump", test: ">=", value: 10, [side]: "away" },
      { op: "return", action: 1 },
      ...padding,
      { op: "label", name: "away" },
      { op: "return", action: 2 },
    ]);
    expect(runBpf(program, call(9)).action).toBe(side === "yes" ? 1 : 2);
    expect(runBpf(program, call(10)).action).toBe(side === "yes" ? 2 : 1);
  }
});

test("a program is encoded as struct sock_filter, little endian", () => {
  const program = assemble([
    { op: "load", offset: 4 },
    { op: "jump", test: "==", value: 0xc000003e, no: "end" },
    { op: "return", action: 0x7fff0000 },
    { op: "label", name: "end" },
    { op: "return", action: 0x80000000 },
  ]);
  expect(Buffer.from(program).toString("hex")).toBe(
    "2000000004000000" + "150000013e0000c0" + "060000000000ff7f" + "0600000000000080",
  );
});

test("broken programs are refused before a kernel sees them", () => {
  const end: Line = { op: "return", action: 0 };
  expect(() => assemble([{ op: "goto", target: "nowhere" }, end])).toThrow("label nowhere exists");
  expect(() => assemble([{ op: "label", name: "a" }, { op: "goto", target: "a" }, end])).toThrow(
    "ahead of its jump",
  );
  expect(() => assemble([{ op: "label", name: "a" }, { op: "label", name: "a" }, end])).toThrow(
    "defined once",
  );
  expect(() => assemble(Array.from({ length: 4097 }, () => end))).toThrow("at most 4096");
});
