// The event a session ends with. Pure.

import type { EventDraft } from "../model/event.ts";
import type { SessionWriter } from "./contract.ts";
import type { SessionState } from "./session-state.ts";

export type SessionEnd = Parameters<SessionWriter["close"]>[0];

export function closingDraft(
  session: SessionState,
  { tsUnixMs, exitStatus, summary }: Pick<SessionEnd, "tsUnixMs" | "exitStatus" | "summary">,
): EventDraft {
  const payload = {
    exit_status: exitStatus,
    event_count: session.nextSeq + 1,
    access_count: session.accessCount,
    denied_count: session.deniedCount,
    summary,
  };
  return { type: "SESSION_CLOSED", tsUnixMs, payload };
}
