// The accesses a policy is learned from, equal ones taken together, so that a session of any length
// fits: what is kept grows with the different things a program did, not with how often. Pure.

import type { AbsPath } from "../../base/paths.ts";
import type { Action, PathAction } from "../../model/capability.ts";
import type { NetProtocol } from "../../model/event.ts";

/** One recorded access, or many equal ones. */
export interface SeenAccess {
  readonly action: Action;
  /** Links resolved; of a connection the host. */
  readonly path: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** Undefined where it was not recorded. */
  readonly protocol?: NetProtocol | undefined;
  /** Where a name led, if only a rule that names it permits that. */
  readonly address?: string | undefined;
  /** System call and flags, as the ledger has them. */
  readonly flags: string;
  /** The calling program. */
  readonly exe: string;
  readonly count: number;
}

/** An access whose resource is a path in its normal form. */
export type SeenPath = SeenAccess & { readonly action: PathAction; readonly path: AbsPath };

export interface SeenAccesses {
  add(access: SeenAccess): void;
  all(): readonly SeenAccess[];
}

export function createSeen(): SeenAccesses {
  const merged = new Map<string, SeenAccess>();
  return {
    add(access) {
      const { action, path, port, protocol, address, flags, exe } = access;
      const key = [action, path, port, protocol, address, flags, exe].join("\0");
      const known = merged.get(key);
      merged.set(key, { ...access, count: access.count + (known?.count ?? 0) });
    },
    all: () => [...merged.values()],
  };
}

/** True for a call that would have failed without any policy. */
export function isVain({ flags }: SeenAccess): boolean {
  return flags.endsWith(", fails");
}
