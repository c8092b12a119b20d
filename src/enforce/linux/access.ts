// The helper's access frames as rows: rule numbers become rule ids with the sentence that says what
// they did, call numbers become names.

import {
  type AccessFrame,
  noPingRule,
  noSocketRule,
  type RefusedFrame,
  setIdRule,
  severalNamesRule,
} from "../../bridge/frame.ts";
import type { Origin } from "../../model/capability.ts";
import type { AccessPayload } from "../../model/event.ts";
import { reasonFor } from "../../policy/decide.ts";
import type { BoxAccess, BoxRefusal } from "../backend.ts";
import {
  abstractSource,
  noCallSource,
  noPingSource,
  noSocketSource,
  setIdSource,
  severalNamesSource,
} from "./built-in.ts";
import { describeCall, describeRefusedCall } from "./describe-call.ts";
import { type Arch, type SyscallTable, syscallTable } from "./filter/syscall-table.ts";
import type { RuleSource } from "./judge-rules.ts";
import type { KeptBox } from "./prepared.ts";

/** What a broker hears of although only changes are recorded. */
export function isAllowedRead({ allowed, action, asked }: AccessFrame): boolean {
  return allowed && asked === undefined && (action === "FileRead" || action === "DirList");
}

export type RowMaker = (frame: AccessFrame) => BoxAccess;

/** A box may choose its flags, and so how many calls there are to describe. */
const callsKeptMax = 1024;

/**
 * A short command is over before the engine compiles any of this, and may open thousands of files:
 * what is the same for many of them is put into words once.
 */
export function rowMaker(box: KeptBox): RowMaker {
  const calls: Calls = { arch: box.arch, table: undefined, texts: new Map() };
  const verdicts = new Map<number, VerdictWords>();
  return (frame) => {
    const { tsUnixMs, action, allowed, exe, path, pid, requested } = frame;
    const decision = allowed ? "allow" : "deny";
    const flags = callOf(frame, calls);
    const { reason, rule } = verdictOf(frame, box, verdicts);
    if (isOfFile(frame)) {
      // In the order of canonical JSON, which need not sort then.
      const payload: AccessPayload =
        requested === undefined
          ? { action, count: 1, decision, exe, flags, path, pid, reason, rule }
          : { action, count: 1, decision, exe, flags, path, pid, reason, requested, rule };
      return { tsUnixMs, payload };
    }
    const { port, protocol, sha256 } = frame;
    const payload: AccessPayload = {
      ...{ action, count: 1, decision, exe, flags },
      ...(port === undefined ? {} : { host: path }),
      ...{ path, pid },
      ...(port === undefined ? {} : { port }),
      ...(protocol === undefined ? {} : { protocol }),
      reason,
      ...(requested === undefined ? {} : { requested }),
      rule,
      ...(sha256 === undefined ? {} : { sha256 }),
    };
    return { tsUnixMs, payload };
  };
}

/** Nothing is known of it but what is known of every access. */
function isOfFile({ port, protocol, sha256 }: AccessFrame): boolean {
  return port === undefined && protocol === undefined && sha256 === undefined;
}

interface Calls {
  readonly arch: Arch;
  table: SyscallTable | undefined;
  /** By flags and number. */
  readonly texts: Map<number, string>;
}

function callOf({ syscall, flags }: AccessFrame, calls: Calls): string {
  const { texts } = calls;
  const key = flags * 0x1_0000 + syscall;
  const known = texts.get(key);
  if (known !== undefined) return known;
  calls.table ??= syscallTable(calls.arch);
  const text = describeCall(calls.table, syscall, flags);
  if (texts.size === callsKeptMax) texts.clear();
  texts.set(key, text);
  return text;
}

type VerdictWords = Pick<AccessPayload, "reason" | "rule">;

/** Kept by rule; where there is none, or a person decided, it depends on more than that. */
function verdictOf(
  frame: AccessFrame,
  box: KeptBox,
  verdicts: Map<number, VerdictWords>,
): VerdictWords {
  const { allowed, asked, rule } = frame;
  if (asked !== undefined)
    return { reason: `${allowed ? "allowed" : "denied"} when asked`, rule: `ask:${asked}` };
  if (rule === undefined) return wordsOf(frame, box);
  const key = rule * 2 + (allowed ? 1 : 0);
  const known = verdicts.get(key);
  if (known !== undefined) return known;
  const words = wordsOf(frame, box);
  verdicts.set(key, words);
  return words;
}

function wordsOf(frame: AccessFrame, box: KeptBox): VerdictWords {
  const source = sourceOf(frame, box);
  const origin = source === undefined ? undefined : { ...source, column: 0 };
  return { reason: reasonOf(frame, origin), rule: source?.rule ?? "" };
}

export function refusalOf(frame: RefusedFrame, arch: Arch): BoxRefusal {
  const { tsUnixMs, pid, exe } = frame;
  const { call, argument } = describeRefusedCall(syscallTable(arch), frame);
  const origin = { ...noCallSource, column: 0 };
  return {
    tsUnixMs,
    refused: {
      ...(argument === undefined ? {} : { argument }),
      ...{ call, decision: "deny", exe, pid },
      reason: `${reasonFor("deny", origin)}: no policy grants this call`,
      ...{ rule: noCallSource.rule, times: 1 },
    },
  };
}

function reasonOf({ allowed, rule }: AccessFrame, origin: Origin | undefined): string {
  const reason = reasonFor(allowed ? "allow" : "deny", origin);
  if (origin?.rule === abstractSource.rule)
    return `${reason}: without a file it reaches sockets of the box alone`;
  if (rule === noSocketRule) return `${reason}: no policy grants sockets of this kind`;
  if (rule === noPingRule)
    return `${reason}: in a container that keeps pidfd_getfd away no ping goes by name`;
  if (rule === setIdRule)
    return `${reason}: whoever runs a file with these bits has the rights of its owner or group`;
  if (rule !== severalNamesRule) return reason;
  return `${reason}: it has other names (hard links), and one of them may be out of bounds`;
}

function sourceOf(frame: AccessFrame, box: KeptBox): RuleSource | undefined {
  const { rule } = frame;
  if (rule === severalNamesRule) return severalNamesSource;
  if (rule === noSocketRule) return noSocketSource;
  if (rule === noPingRule) return noPingSource;
  if (rule === setIdRule) return setIdSource;
  if (rule !== undefined) return box.sources()[rule];
  return isInside(frame) ? abstractSource : undefined;
}

/** Let go without a rule: the box ends where the names do. Nobody hears what the kernel answers. */
function isInside({ allowed, action, path }: AccessFrame): boolean {
  return allowed && path.startsWith("@") && (action === "NetConnect" || action === "NetBind");
}
