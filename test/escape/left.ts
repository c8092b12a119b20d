// What the ledger has of each attempt: rows are told apart by the process that left them, because
// attempts follow one another and each has processes of its own.

import type { Row } from "./row.ts";
import type { Verdict } from "./run.ts";
import type { Setting } from "./setting.ts";

/** Why a technique that fails leaves no row: nobody heard of it, or there was nothing to deny. */
export const noRows = {
  absent: "what it is after does not exist in the box, so nobody had to deny it",
  hidden: "a mount of the box hides it from a call that is not looked at",
  filter:
    "the filter answers by itself, where it says that there is no such call or ends the caller",
  landlock: "Landlock refuses a call that is not looked at",
  kernel: "the kernel refuses it to everybody who has no more rights than the box",
  limit: "a limit is there, which is an event of its own when it is reached",
  around: "what is around the box refuses it, before aegis hears of it",
} as const;

export type NoRow = keyof typeof noRows;

/**
 * A denial: what of which object, by which rule (`""`: none permits it), and, where that is not
 * enough to know it by, in which call or for which reason.
 */
export type Left = readonly [action: string, object: string, rule?: string, said?: string];

/** By where the box has namespaces of its own, and where it shares those of its starter. */
export type Leaves =
  | Left
  | NoRow
  | {
      readonly namespaces?: Left | NoRow;
      readonly shared?: Left | NoRow;
      /** Default: `shared`. */
      readonly container?: Left | NoRow;
    };

export interface LedgerRow {
  readonly action: string;
  readonly decision: string;
  readonly path: string;
  /** What was asked for, where it is another name; with the port, where there is one. */
  readonly names: readonly string[];
  readonly rule: string;
  readonly call: string;
  readonly reason: string;
  /** 0: it cannot be told. */
  readonly pid: number;
}

/** What `row` leaves where it is refused. */
export function leavesIn({ leaves }: Row, setting: Setting): Left | NoRow | undefined {
  if (leaves === undefined || typeof leaves === "string" || "length" in leaves) return leaves;
  if (setting.hasNamespaces) return leaves.namespaces;
  return setting.name.endsWith("container") ? (leaves.container ?? leaves.shared) : leaves.shared;
}

/** What a call that no box may make leaves, with the number that tells what it was for. */
export function refusedCall(call: string, argument?: string): Left {
  return ["CALL_REFUSED", argument === undefined ? call : `${call} ${argument}`, "box:calls"];
}

/** The same of one that a container itself refuses. */
export function unlessAround(call: string, argument?: string): Leaves {
  const left = refusedCall(call, argument);
  return { namespaces: left, shared: left, container: "around" };
}

/** The entry of a payload, when it is about an access or a refused call. */
export function ledgerRow(payload: Readonly<Record<string, unknown>>): LedgerRow | undefined {
  if (typeof payload.call === "string") return refusalRow(payload, payload.call);
  const { action, path, decision, requested, port, rule, flags, reason, pid } = payload;
  if (typeof action !== "string" || typeof path !== "string") return undefined;
  const at = typeof port === "number" ? `:${port}` : "";
  const asked = typeof requested === "string" ? [requested] : [];
  return {
    ...{ action, path, decision: String(decision) },
    names: [`${path}${at}`, ...asked],
    ...{ rule: String(rule), call: String(flags), reason: String(reason), pid: Number(pid ?? 0) },
  };
}

function refusalRow(payload: Readonly<Record<string, unknown>>, path: string): LedgerRow {
  const { argument, decision, rule, reason, pid } = payload;
  const [action, name] = refusedCall(path, typeof argument === "string" ? argument : undefined);
  return {
    ...{ action, path, names: [name], decision: String(decision), call: path },
    ...{ rule: String(rule), reason: String(reason), pid: Number(pid) },
  };
}

export function isLeft(row: LedgerRow, [action, object, rule = "", said]: Left): boolean {
  const isAbout = row.action === action && row.names.includes(object) && row.rule === rule;
  const isSaid = said === undefined || said === row.call || said === row.reason;
  return isAbout && isSaid && row.decision === "deny";
}

/** As a failing test shows it. */
export function leftText({ action, names, rule, call, reason }: LedgerRow): string {
  return `${action} ${names.join(" = ")} [${rule}] ${call}: ${reason}`;
}

/** Denials by attempt; those of nobody under "". */
export function denialsByAttempt(
  ledger: readonly LedgerRow[],
  verdicts: ReadonlyMap<string, Verdict>,
): ReadonlyMap<string, readonly LedgerRow[]> {
  const attempts = [...verdicts].filter(([, { pid }]) => pid !== 0);
  const ownerOf = (pid: number): string => {
    const index = attempts.findIndex(([, { pid: first }], at) => {
      const next = attempts[(at + 1) % attempts.length]?.[1].pid ?? first;
      // Numbers start again when the last one is taken.
      return first < next ? pid >= first && pid < next : pid >= first || pid < next;
    });
    return attempts[index]?.[0] ?? "";
  };
  const denials = ledger.filter((row) => row.decision === "deny");
  return Map.groupBy(denials, ({ pid }) => (pid === 0 ? "" : ownerOf(pid)));
}

/** What the C library of a program asks without being told to. */
export function isOfLibraries({ path, call }: LedgerRow): boolean {
  return path === "/run/nscd/socket" && call === "connect";
}
