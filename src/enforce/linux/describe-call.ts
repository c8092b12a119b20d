// A notified call as a row of the ledger shows it: its name and the flags that say what it wanted.

import type { RefusedFrame } from "../../bridge/frame.ts";
import type { Arch, SyscallTable } from "./filter/syscall-table.ts";

/** For example `openat O_WRONLY|O_CREAT`, `unlinkat AT_REMOVEDIR`, `connect`. */
export function describeCall(table: SyscallTable, nr: number, flags: number): string {
  const name = table.names.get(nr) ?? `call ${nr}`;
  const words = flagWords(table.arch, name, flags);
  const text = words.length === 0 ? name : `${name} ${words.join("|")}`;
  return flags >>> 31 === 1 ? `${text}${failsSuffix}` : text;
}

function flagWords(arch: Arch, name: string, flags: number): string[] {
  if (name === "open" || name === "openat" || name === "openat2" || name === "creat") {
    return [accessModes[flags & 3] ?? "O_ACCMODE", ...named(openFlags[arch], flags)];
  }
  const list = otherFlags[name];
  return list === undefined ? [] : named(list, flags);
}

const accessModes = ["O_RDONLY", "O_WRONLY", "O_RDWR"];

/** Ends the flags of what was permitted and failed by itself; recorded only on request. */
export const failsSuffix = ", fails";

type Flag = readonly [bits: number, name: string];

function named(list: readonly Flag[], flags: number): string[] {
  return list.flatMap(([bits, name]) => ((flags & bits) === bits ? [name] : []));
}

/** What changes the meaning of an access; O_CLOEXEC, O_NONBLOCK and their like do not. */
const commonOpenFlags: readonly Flag[] = [
  [0o100, "O_CREAT"],
  [0o200, "O_EXCL"],
  [0o1000, "O_TRUNC"],
  [0o2000, "O_APPEND"],
];
const openFlags: Readonly<Record<Arch, readonly Flag[]>> = {
  x86_64: [
    ...commonOpenFlags,
    [0o200000, "O_DIRECTORY"],
    [0o400000, "O_NOFOLLOW"],
    [0o20200000, "O_TMPFILE"],
  ],
  aarch64: [
    ...commonOpenFlags,
    [0o40000, "O_DIRECTORY"],
    [0o100000, "O_NOFOLLOW"],
    [0o20040000, "O_TMPFILE"],
  ],
};

const atFlags: readonly Flag[] = [
  [0x100, "AT_SYMLINK_NOFOLLOW"],
  [0x1000, "AT_EMPTY_PATH"],
];
const otherFlags: Readonly<Record<string, readonly Flag[]>> = {
  unlinkat: [[0x200, "AT_REMOVEDIR"]],
  renameat2: [
    [1, "RENAME_NOREPLACE"],
    [2, "RENAME_EXCHANGE"],
  ],
  linkat: [
    [0x400, "AT_SYMLINK_FOLLOW"],
    [0x1000, "AT_EMPTY_PATH"],
  ],
  execveat: atFlags,
  fchmodat2: atFlags,
  fchownat: atFlags,
  utimensat: atFlags,
};

/** Of a call no box may make: its name, and what it was for where a number tells. */
export function describeRefusedCall(
  table: SyscallTable,
  { syscall, arguments: [first, second] }: Pick<RefusedFrame, "syscall" | "arguments">,
): { readonly call: string; readonly argument?: string } {
  const call = table.names.get(syscall) ?? `call ${syscall}`;
  const at = tellingArgument.get(call);
  if (at === undefined) return { call };
  // The kernel reads 32 bits of each of these.
  const value = Number(BigInt.asUintN(32, at === 0 ? first : second));
  const words = namespaceCalls.has(call) ? named(namespaceFlags, value) : [];
  return { call, argument: words.length === 0 ? `0x${value.toString(16)}` : words.join("|") };
}

/** Numbers that say what a call is for; no address: it would tell where memory lies. */
const tellingArgument: ReadonlyMap<string, 0 | 1> = new Map([
  ...(["bpf", "clone", "keyctl", "personality", "prctl", "ptrace", "unshare"] as const).map(
    (name) => [name, 0] as const,
  ),
  ...(["fcntl", "ioctl", "setns"] as const).map((name) => [name, 1] as const),
]);
const namespaceCalls: ReadonlySet<string> = new Set(["clone", "setns", "unshare"]);
const namespaceFlags: readonly Flag[] = [
  [0x80, "CLONE_NEWTIME"],
  [0x20000, "CLONE_NEWNS"],
  [0x2000000, "CLONE_NEWCGROUP"],
  [0x4000000, "CLONE_NEWUTS"],
  [0x8000000, "CLONE_NEWIPC"],
  [0x10000000, "CLONE_NEWUSER"],
  [0x20000000, "CLONE_NEWPID"],
  [0x40000000, "CLONE_NEWNET"],
];
