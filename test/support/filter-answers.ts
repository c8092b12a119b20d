// What a filter answers to one call, asked of an interpreter of its program.

import { buildFilter, type FilterPlan } from "../../src/enforce/linux/filter/seccomp.ts";
import { syscallTable } from "../../src/enforce/linux/filter/syscall-table.ts";
import { runBpf } from "./bpf-interpreter.ts";
import { answers } from "./expected-answer.ts";

const names = new Map(Object.entries(answers).map(([name, action]) => [action as number, name]));
export const auditArch = { x86_64: 0xc000003e, aarch64: 0xc00000b7 } as const;

export const closed: FilterPlan = {
  arch: "x86_64",
  confine: true,
  notify: {
    open: "all",
    create: true,
    change: true,
    descriptor: false,
    exec: true,
    socket: true,
    send: false,
  },
  sockets: { inet: "none", netlinkRoute: false, unixDatagrams: false, fastOpen: false },
  sealMemfds: true,
  sharesProcesses: false,
  sharesSignals: false,
  sharesIpc: false,
};
export const silent = {
  open: "none",
  create: false,
  change: false,
  descriptor: false,
  exec: false,
  socket: false,
  send: false,
} as const;

export function answer(
  plan: FilterPlan,
  name: string,
  ...args: readonly (number | bigint)[]
): string {
  const nr = syscallTable(plan.arch).numbers.get(name);
  if (nr === undefined) throw new Error(`no call ${name} on ${plan.arch}`);
  return answerTo(plan, nr, args);
}

export function answerTo(
  plan: FilterPlan,
  nr: number,
  args: readonly (number | bigint)[] = [],
): string {
  const data = { nr, arch: auditArch[plan.arch], args: args.map(BigInt) };
  const { action } = runBpf(buildFilter(plan), data);
  return names.get(action) ?? action.toString(16);
}
