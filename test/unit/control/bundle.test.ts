// Which files are taken as a tool policy.

import { describe, expect, test } from "bun:test";
import { readBundle } from "../../../src/control/decide/bundle.ts";
import { tar, tarGz } from "../../support/tar.ts";

const wasm = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
const module = { path: "/policy.wasm", content: wasm };
const listed = (...entrypoints: string[]) => ({
  path: "/.manifest",
  content: JSON.stringify({
    wasm: entrypoints.map((entrypoint) => ({ entrypoint, module: "/policy.wasm" })),
  }),
});

/** A name that is no text; what is summed up is put right. */
function notUtf8(): Uint8Array<ArrayBuffer> {
  const bytes = tar([{ path: "policy.wasm", content: wasm }]);
  const more = 0xff - (bytes[0] ?? 0);
  bytes[0] = 0xff;
  const sum = Number.parseInt(new TextDecoder().decode(bytes.subarray(148, 154)), 8) + more;
  bytes.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0")), 148);
  return Bun.gzipSync(bytes);
}

describe("readBundle()", () => {
  test("takes a module alone", async () => {
    expect(await readBundle(wasm)).toEqual({
      ...{ wasm, data: {}, entry: undefined, isSigned: false },
    });
  });

  test("takes a bundle with its data, put together by folders", async () => {
    const bundle = await readBundle(
      tarGz([
        { path: "a/b/data.json", content: '{"c":1}' },
        { path: "./a", type: "5" },
        { path: "/data.json", content: '{"a":{"x":2},"__proto__":3}' },
        { path: "decide.rego", content: "package aegis.decide" },
        module,
        listed("mine/decision"),
      ]),
    );
    expect(bundle.entry).toBe("mine/decision");
    expect(bundle.wasm).toEqual(wasm);
    expect(JSON.stringify(bundle.data)).toBe('{"a":{"x":2,"b":{"c":1}},"__proto__":3}');
  });

  test("chooses our entry point of several, and the only module where nothing is said", async () => {
    const several = await readBundle(tarGz([module, listed("other", "aegis/decide/decision")]));
    expect(several.entry).toBe("aegis/decide/decision");
    expect((await readBundle(tarGz([module]))).entry).toBeUndefined();
  });

  test("takes what a real archiver makes of extended headers", async () => {
    const header = { path: "PaxHeaders/policy.wasm", type: "x", content: "20 mtime=1700000000\n" };
    expect((await readBundle(tarGz([header, module]))).wasm).toEqual(wasm);
  });

  const bad: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] = [
    ["a text", new TextEncoder().encode("package aegis"), "neither a wasm module nor"],
    ["nothing", new Uint8Array(), "neither a wasm module nor"],
    ["a damaged archive", Bun.gzipSync("no archive".padEnd(2000)), "a header is damaged"],
    ["half a stream", tarGz([module]).slice(0, 40), "Cannot use the tool policy"],
    ["an archive without an end", Bun.gzipSync(tar([module]).slice(0, 1024)), "it has no end"],
    ["a file that is cut off", Bun.gzipSync(tar([module]).slice(0, 512)), "it is cut off"],
    [
      "a way out",
      tarGz([{ path: "../policy.wasm", content: wasm }]),
      '"../policy.wasm" leads outside',
    ],
    [
      "a way out further in",
      tarGz([{ path: "a/../../b", content: wasm }]),
      '"a/../../b" leads outside',
    ],
    [
      "a name that is none",
      tarGz([{ path: "a//b", content: wasm }]),
      '"a//b" is no path of a file',
    ],
    [
      "a name of controls",
      tarGz([{ path: "../\u001b[2J", content: wasm }]),
      '"../\\u001b[2J" leads',
    ],
    ["no UTF-8", notUtf8(), '"\ufffdolicy.wasm" is no UTF-8'],
    ["a link", tarGz([{ path: "policy.wasm", type: "2", linkTo: "/x" }]), "is no plain file"],
    [
      "a name by extended header",
      tarGz([{ path: "h", type: "x", content: "9 path=a\n" }, module]),
      '"h" is no plain file',
    ],
    ["the same file twice", tarGz([module, { ...module, path: "policy.wasm" }]), "there twice"],
    ["two modules", tarGz([module, { ...module, path: "b.wasm" }]), "2 wasm modules"],
    ["no module", tarGz([{ path: "data.json", content: "{}" }]), "0 wasm modules"],
    ["a module that is none", tarGz([{ path: "policy.wasm", content: "x" }]), "no wasm module"],
    [
      "a module that is not there",
      tarGz([{ ...module, path: "b.wasm" }, listed("e")]),
      'no wasm module "policy.wasm"',
    ],
    ["entry points to choose from", tarGz([module, listed("a", "b")]), "several entry points"],
    ["data that is no JSON", tarGz([module, { path: "data.json", content: "{" }]), "is no JSON"],
    ["data that is a list", tarGz([module, { path: "data.json", content: "[]" }]), "is no object"],
    ["data in YAML", tarGz([module, { path: "data.yaml", content: "a: 1" }]), "is YAML"],
    [
      "data that says a thing twice",
      tarGz([
        module,
        { path: "data.json", content: '{"a":{"b":1}}' },
        { path: "a/data.json", content: '{"b":2}' },
      ]),
      'says "b" once more',
    ],
    [
      "data inside what is no object",
      tarGz([
        module,
        { path: "data.json", content: '{"a":1}' },
        { path: "a/data.json", content: "{}" },
      ]),
      "lies in what is no object",
    ],
    [
      "very many files",
      tarGz(Array.from({ length: 1001 }, (_, at) => ({ path: `f${at}` }))),
      "more than 1000",
    ],
    [
      "a great deal of nothing",
      Bun.gzipSync(new Uint8Array(65 << 20)),
      "Cannot use the tool policy",
    ],
    ["a large file", new Uint8Array((16 << 20) + 1), "it is too large"],
  ];
  test.each(bad)("refuses %s", async (_, bytes, message) => {
    const refused = await readBundle(bytes).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "policy/invalid",
      message: expect.stringContaining(message),
    });
  });
});
