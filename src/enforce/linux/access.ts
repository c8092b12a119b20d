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
import type { RuleSource } from "./judge-rules.ts";
import type { KeptBox } from "./prepared.ts";
import { type Arch, type SyscallTable, syscallTable } from "./syscall-table.ts";

/** What a broker hears of although only changes are recorded. */
export function isAllowedRead({ allowed, action, asked }: AccessFrame): boolean {
  return allowed && asked === undefined && (action === "FileRead" || action === "DirList");
}

export type RowMaker = (frame: AccessFrame) => BoxAccess;

export function rowMaker(box: KeptBox): RowMaker {
  let table: SyscallTable | undefined;
  return (frame) => {
    table ??= syscallTable(box.arch);
    const { tsUnixMs } = frame;
    const source = sourceOf(frame, box);
    const rule = frame.asked === undefined ? source?.rule : `ask:${frame.asked}`;
    const origin = source === undefined ? undefined : { ...source, column: 0 };
    // In the order of canonical JSON, which a box that opens thousands of files need not sort then.
    const payload: AccessPayload = {
      action: frame.action,
      count: 1,
      decision: frame.allowed ? "allow" : "deny",
      exe: frame.exe,
      flags: describeCall(table, frame.syscall, frame.flags),
      ...(frame.port === undefined ? {} : { host: frame.path }),
      path: frame.path,
      pid: frame.pid,
      ...(frame.port === undefined ? {} : { port: frame.port }),
      ...(frame.protocol === undefined ? {} : { protocol: frame.protocol }),
      reason:
        frame.asked === undefined
          ? reasonOf(frame, origin)
          : `${frame.allowed ? "allowed" : "denied"} when asked`,
      ...(frame.requested === undefined ? {} : { requested: frame.requested }),
      rule: rule ?? "",
      ...(frame.sha256 === undefined ? {} : { sha256: frame.sha256 }),
    };
    return { tsUnixMs, payload };
  };
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
