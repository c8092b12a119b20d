// An access as the ledger has it. What is stored may have been written by another version, so every
// field is checked again. Pure.

import { type Action, actions, protocols } from "../model/capability.ts";
import type { JsonValue, NetProtocol, SealedEvent } from "../model/event.ts";

export interface RecordedAccess {
  readonly action: Action;
  readonly path: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly protocol: NetProtocol | undefined;
  readonly address: string | undefined;
  readonly connection: number | undefined;
  readonly decision: "allow" | "deny";
  /** Empty when no rule matched. */
  readonly rule: string;
  readonly reason: string;
  readonly exe: string;
  readonly flags: string;
  readonly count: number;
}

/** Undefined for an event that is no access: the opening of a session, the end of a process. */
export function accessIn({ payload }: SealedEvent): RecordedAccess | undefined {
  const action = actions.find((known) => known === payload.action);
  const { decision, port, count, address, connection } = payload;
  if (action === undefined || action === "ProcessExit") return undefined;
  if (decision !== "allow" && decision !== "deny") return undefined;
  const path = text(payload.path);
  return {
    action,
    path,
    host: typeof port === "number" ? text(payload.host) || path : undefined,
    port: typeof port === "number" ? port : undefined,
    protocol: netProtocols.find((known) => known === payload.protocol),
    address: typeof address === "string" ? address : undefined,
    connection: typeof connection === "number" ? connection : undefined,
    decision,
    rule: text(payload.rule),
    reason: text(payload.reason),
    exe: text(payload.exe),
    flags: text(payload.flags),
    count: typeof count === "number" ? count : 1,
  };
}

const netProtocols: readonly NetProtocol[] = [...protocols, "dns"];

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
