// A small assembler for classic BPF as seccomp takes it: labels instead of offsets, far conditional
// jumps made of a near one and an unconditional one. Only instructions the kernel's allow-bitmap
// emulation understands are used before a plain return, so that calls allowed whatever their
// arguments never run the program at all (Linux 5.11).

import { bpfInstructionsMax } from "../../../base/limits.ts";
import { assert } from "../../../base/result.ts";

export type Line =
  | { readonly op: "label"; readonly name: string }
  /** The accumulator becomes the 32-bit word of `struct seccomp_data` at `offset`. */
  | { readonly op: "load"; readonly offset: number }
  | { readonly op: "and"; readonly mask: number }
  /** Where a target is missing, the next line follows. */
  | {
      readonly op: "jump";
      readonly test: "==" | ">=";
      readonly value: number;
      readonly yes?: string;
      readonly no?: string;
    }
  | { readonly op: "goto"; readonly target: string }
  | { readonly op: "return"; readonly action: number };

/**
 * BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_AND|BPF_K, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JGE|BPF_K,
 * BPF_JMP|BPF_JA, BPF_RET|BPF_K
 */
export const opcodes = {
  load: 0x20,
  and: 0x54,
  "==": 0x15,
  ">=": 0x35,
  goto: 0x05,
  return: 0x06,
} as const;

const nearMax = 255;

/**
 * `struct sock_filter[]`, little endian.
 * @throws when a label is unknown, doubled or behind its jump, or the program exceeds the kernel's
 * bound: a bug here
 */
export function assemble(lines: readonly Line[]): Uint8Array {
  const far = new Set<Line>();
  for (;;) {
    const places = place(lines, far);
    const overlong = lines.filter((line, index) => !far.has(line) && reach(line, index, places));
    if (overlong.length === 0) return encode(lines, far, places);
    for (const line of overlong) far.add(line);
  }
}

interface Places {
  /** Instruction index of each line, and of each label. */
  readonly starts: readonly number[];
  readonly labels: ReadonlyMap<string, number>;
  readonly size: number;
}

/** A far jump takes one `goto` more for each of its targets. */
function sizeOf(line: Line, far: ReadonlySet<Line>): number {
  if (line.op === "label") return 0;
  if (line.op !== "jump" || !far.has(line)) return 1;
  return 1 + (line.yes === undefined ? 0 : 1) + (line.no === undefined ? 0 : 1);
}

function place(lines: readonly Line[], far: ReadonlySet<Line>): Places {
  const starts: number[] = [];
  const labels = new Map<string, number>();
  let at = 0;
  for (const line of lines) {
    starts.push(at);
    if (line.op === "label") {
      assert(!labels.has(line.name), `label ${line.name} is defined once`);
      labels.set(line.name, at);
    }
    at += sizeOf(line, far);
  }
  return { starts, labels, size: at };
}

function reach(line: Line, index: number, places: Places): boolean {
  if (line.op !== "jump") return false;
  const from = places.starts[index] ?? 0;
  return [line.yes, line.no].some(
    (target) => target !== undefined && distance(places, from, target) > nearMax,
  );
}

/** Instructions to skip after the one at `from`; classic BPF only jumps forward. */
function distance(places: Places, from: number, target: string): number {
  const to = places.labels.get(target);
  assert(to !== undefined, `label ${target} exists`);
  assert(to > from, `label ${target} lies ahead of its jump`);
  return to - from - 1;
}

function encode(lines: readonly Line[], far: ReadonlySet<Line>, places: Places): Uint8Array {
  assert(places.size <= bpfInstructionsMax, `a filter has at most ${bpfInstructionsMax} steps`);
  const bytes = new Uint8Array(places.size * 8);
  const view = new DataView(bytes.buffer);
  const put = (at: number, code: number, jt: number, jf: number, k: number) => {
    view.setUint16(at * 8, code, true);
    view.setUint8(at * 8 + 2, jt);
    view.setUint8(at * 8 + 3, jf);
    view.setUint32(at * 8 + 4, k, true);
  };
  lines.forEach((line, index) => {
    const at = places.starts[index] ?? 0;
    if (line.op === "load") put(at, opcodes.load, 0, 0, line.offset);
    else if (line.op === "and") put(at, opcodes.and, 0, 0, line.mask);
    else if (line.op === "return") put(at, opcodes.return, 0, 0, line.action);
    else if (line.op === "goto") put(at, opcodes.goto, 0, 0, distance(places, at, line.target));
    else if (line.op === "jump") {
      const skip = (target: string | undefined) =>
        target === undefined ? 0 : distance(places, at, target);
      if (!far.has(line)) put(at, opcodes[line.test], skip(line.yes), skip(line.no), line.value);
      else putFar(put, at, line, places);
    }
  });
  return bytes;
}

function putFar(
  put: (at: number, code: number, jt: number, jf: number, k: number) => void,
  at: number,
  line: Extract<Line, { op: "jump" }>,
  places: Places,
): void {
  // Layout: test, [goto yes], [goto no]; a missing target falls through past both.
  const gotos = [line.yes, line.no].filter((target) => target !== undefined);
  const yesSkip = line.yes === undefined ? gotos.length : 0;
  const noSkip = line.no === undefined ? gotos.length : gotos.length - 1;
  put(at, opcodes[line.test], yesSkip, noSkip, line.value);
  gotos.forEach((target, index) => {
    const from = at + 1 + index;
    put(from, opcodes.goto, 0, 0, distance(places, from, target));
  });
}
