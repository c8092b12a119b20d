// From "what happens to each system call" to a seccomp program: a search tree over call numbers
// whose leaves answer or look at argument words. What the answers are is decided in seccomp.ts.

import { assert } from "../../../base/result.ts";
import { assemble, type Line } from "./bpf.ts";
import type { Arch } from "./syscall-table.ts";

/** `errno`: the call fails with it and never reaches the kernel's implementation. */
export type Answer = "allow" | "notify" | "kill" | { readonly errno: number };

/** Looks at one half of one argument; of flags and numbers the kernel uses the low half only. */
export interface ArgumentTest {
  readonly argument: 0 | 1 | 2 | 3 | 4 | 5;
  readonly half?: "high";
  readonly mask: number;
  readonly cases: readonly { readonly values: readonly number[]; readonly rule: CallRule }[];
  readonly otherwise: CallRule;
}

export type CallRule = Answer | ArgumentTest;

export const anyBit = 0xffffffff;

const auditArch: Readonly<Record<Arch, number>> = { x86_64: 0xc000003e, aarch64: 0xc00000b7 };
/** Calls of the x32 ABI carry this bit; the same table would mean something else with it. */
const x32Bit = 0x40000000;
const errnoMax = 4095;

const numberOffset = 0;
const archOffset = 4;
const argumentsOffset = 16;

/**
 * @param rules by call number; a number without a rule answers `unknown`
 * @param hot numbers called so often that the tree should reach them in fewer steps
 */
export function compileFilter(
  arch: Arch,
  rules: ReadonlyMap<number, CallRule>,
  options: { readonly unknown: Answer; readonly hot: ReadonlySet<number> },
): Uint8Array {
  const blocks = new Blocks();
  const tree: Line[] = [];
  emitTree(tree, runsOf(arch, rules, options), blocks);
  return assemble([
    { op: "load", offset: archOffset },
    { op: "jump", test: "==", value: auditArch[arch], no: "other architecture" },
    { op: "load", offset: numberOffset },
    ...tree,
    ...blocks.lines,
    { op: "label", name: "other architecture" },
    { op: "return", action: actionOf("kill") },
  ]);
}

/** Consecutive numbers with one rule; `weight` grows with how often they are called. */
interface Run {
  readonly start: number;
  readonly rule: CallRule;
  readonly key: string;
  weight: number;
}

const hotWeight = 60;

function runsOf(
  arch: Arch,
  rules: ReadonlyMap<number, CallRule>,
  options: { readonly unknown: Answer; readonly hot: ReadonlySet<number> },
): Run[] {
  const runs: Run[] = [];
  const add = (start: number, rule: CallRule, weight: number) => {
    const key = JSON.stringify(rule);
    const last = runs.at(-1);
    if (last?.key === key) last.weight += weight;
    else runs.push({ start, rule, key, weight });
  };
  const newest = Math.max(...rules.keys());
  for (let number = 0; number <= newest; number += 1) {
    add(number, rules.get(number) ?? options.unknown, options.hot.has(number) ? hotWeight : 1);
  }
  add(newest + 1, options.unknown, 1);
  if (arch === "x86_64") {
    add(x32Bit, "kill", 1);
    // -1 is what a tracer puts in place of a call it suppressed: it is no x32 call.
    add(0xffffffff, options.unknown, 1);
  }
  return runs;
}

/** Splits where both halves weigh about the same, so that frequent calls end up near the root. */
function emitTree(out: Line[], runs: readonly Run[], blocks: Blocks): void {
  const [first, second] = runs;
  assert(first !== undefined, "a search tree has leaves");
  if (second === undefined) {
    emitLeaf(out, first.rule, blocks);
    return;
  }
  const middle = splitOf(runs);
  const right = runs[middle];
  assert(right !== undefined, "a split leaves both halves occupied");
  const label = `from ${right.start}`;
  out.push({ op: "jump", test: ">=", value: right.start, yes: label });
  emitTree(out, runs.slice(0, middle), blocks);
  out.push({ op: "label", name: label });
  emitTree(out, runs.slice(middle), blocks);
}

function splitOf(runs: readonly Run[]): number {
  const total = runs.reduce((sum, run) => sum + run.weight, 0);
  let left = 0;
  let best = 1;
  let bestGap = Number.POSITIVE_INFINITY;
  for (let index = 1; index < runs.length; index += 1) {
    left += runs[index - 1]?.weight ?? 0;
    const gap = Math.abs(total - 2 * left);
    if (gap < bestGap) {
      bestGap = gap;
      best = index;
    }
  }
  return best;
}

function emitLeaf(out: Line[], rule: CallRule, blocks: Blocks): void {
  if (isAnswer(rule)) out.push({ op: "return", action: actionOf(rule) });
  else out.push({ op: "goto", target: blocks.labelOf(rule) });
}

/**
 * Argument tests, each emitted once however many calls share it; they come after the tree, so jumps
 * lead forward.
 */
class Blocks {
  readonly lines: Line[] = [];
  readonly #labels = new Map<string, string>();

  labelOf(test: ArgumentTest): string {
    const key = JSON.stringify(test);
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    const label = `test ${this.#labels.size}`;
    this.#labels.set(key, label);
    this.lines.push({ op: "label", name: label });
    this.#emit(test, label);
    return label;
  }

  #emit(test: ArgumentTest, label: string): void {
    const offset = argumentsOffset + 8 * test.argument + (test.half === "high" ? 4 : 0);
    this.lines.push({ op: "load", offset });
    if (test.mask !== anyBit) this.lines.push({ op: "and", mask: test.mask });
    test.cases.forEach((entry, index) => {
      for (const value of entry.values) {
        this.lines.push({ op: "jump", test: "==", value, yes: `${label}.${index}` });
      }
    });
    this.#emitRule(test.otherwise, `${label}.otherwise`);
    test.cases.forEach((entry, index) => {
      this.lines.push({ op: "label", name: `${label}.${index}` });
      this.#emitRule(entry.rule, `${label}.${index}`);
    });
  }

  #emitRule(rule: CallRule, label: string): void {
    if (isAnswer(rule)) this.lines.push({ op: "return", action: actionOf(rule) });
    else this.#emit(rule, label);
  }
}

function isAnswer(rule: CallRule): rule is Answer {
  return typeof rule === "string" || "errno" in rule;
}

/** The SECCOMP_RET_* value of an answer. */
export function actionOf(answer: Answer): number {
  if (answer === "allow") return 0x7fff0000;
  if (answer === "notify") return 0x7fc00000;
  if (answer === "kill") return 0x80000000;
  assert(answer.errno > 0 && answer.errno <= errnoMax, "an errno fits its 16 bits");
  return 0x00050000 | answer.errno;
}
