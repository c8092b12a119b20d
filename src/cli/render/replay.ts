// What `aegis replay` found, as text and as JSON. Paths come from a box and are escaped before a
// terminal sees them.

import type { ChangedVerdict, Replay } from "../../app/replay.ts";
import type { ReplayReport } from "../../wire/replay.ts";
import { escapeControls } from "./text.ts";

export function renderReplay(replay: Replay): string {
  const { session, accesses, nowDenied, nowAllowed, changes, unlisted } = replay;
  const lines = [
    ...changes.flatMap((change) => changeLines(change, session.id)),
    ...(unlisted > 0 ? [`and ${unlisted} accesses of more kinds, which are only counted`] : []),
    `${accesses} accesses: ${nowDenied} would be denied now, ${nowAllowed} would be allowed now`,
  ];
  return lines.map((line) => `${escapeControls(line)}\n`).join("");
}

function changeLines(change: ChangedVerdict, session: string): string[] {
  const { action, resource, before, after, ruleBefore, reason, seq, count } = change;
  const times = count > 1 ? ` (${count} times)` : "";
  const was = ruleBefore === "" ? "no permit matched" : `by ${ruleBefore}`;
  return [
    `${before} -> ${after}  ${action} ${resource}${times}`,
    `  ${reason}; it was ${before === "allow" ? "allowed" : "denied"}: ${was}; row ${session.slice(-8)}:${seq}`,
  ];
}

export function replayView(replay: Replay): ReplayReport {
  return {
    session: replay.session.id,
    policy_hash: replay.policyHash,
    accesses: replay.accesses,
    now_denied: replay.nowDenied,
    now_allowed: replay.nowAllowed,
    changes: replay.changes.map(({ ruleBefore, ...change }) => ({
      action: change.action,
      resource: change.resource,
      before: change.before,
      after: change.after,
      rule_before: ruleBefore,
      rule: change.rule,
      reason: change.reason,
      program: change.program,
      seq: change.seq,
      count: change.count,
    })),
    unlisted: replay.unlisted,
  };
}
