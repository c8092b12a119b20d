// Looks system calls up by name and number. The numbers themselves are generated (syscalls.ts).

import { syscallLines } from "./syscalls.ts";

export type Arch = keyof typeof syscallLines;

export interface SyscallTable {
  readonly arch: Arch;
  /** Name to number; a name the architecture does not have is absent. */
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

export function syscallTable(arch: Arch): SyscallTable {
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  for (const line of syscallLines[arch].trim().split("\n")) {
    const [first, ...run] = line.split(" ");
    run.forEach((name, index) => {
      numbers.set(name, Number(first) + index);
      names.set(Number(first) + index, name);
    });
  }
  return { arch, numbers, names };
}
