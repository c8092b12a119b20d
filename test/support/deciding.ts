// Control planes in this process that decide about live sessions, and the one question tests ask
// them over HTTP.

import type { Decide } from "../../src/control/decide/decision.ts";
import { decideFast } from "../../src/control/decide/fast.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import type { Store } from "../../src/ledger/store.ts";
import type { JsonObject, JsonValue } from "../../src/model/event.ts";
import { afterThisTest } from "./endings.ts";
import { startLocalServer } from "./local-server.ts";

export interface Deciding {
  readonly url: string;
  post(path: string, body: JsonValue, key?: string): Promise<Answered>;
  get(path: string): Promise<Answered>;
  /** About a session of the tenant acme. */
  decide(session: string, event: JsonObject, more?: JsonObject, key?: string): Promise<Answered>;
}

export interface Answered {
  readonly status: number;
  readonly body: JsonObject;
}

export interface DecidingOptions {
  readonly manifest?: JsonValue;
  readonly decide?: Decide;
  /** Absent: a clock that goes on at each look. */
  readonly nowMs?: () => number;
}

/** The shipped policy, as a policy that takes its time: others get in between. */
export const slowPolicy: Decide = async (input) => {
  await new Promise((resolve) => setImmediate(resolve));
  return decideFast(input) ?? { outcome: "deny", reason: "POLICY_ERROR", constraints: {} };
};

/** A server over `store`, until the test ends. */
export function decidingOver(store: Store, options: DecidingOptions = {}): Deciding {
  const { manifest = {}, decide = slowPolicy } = options;
  let now = 1_700_000_000_000;
  const { nowMs = () => now++ } = options;
  const log = createControlLog(store);
  const server = startLocalServer({ log, origin: store.origin, nowMs, decide, manifest });
  afterThisTest(() => server.stop());
  const url = `http://127.0.0.1:${server.port}`;
  const read = async (response: Response): Promise<Answered> => ({
    status: response.status,
    body: (await response.json()) as JsonObject,
  });
  const post = async (path: string, body: JsonValue, key?: string): Promise<Answered> => {
    const headers: Record<string, string> = key === undefined ? {} : { "Idempotency-Key": key };
    const sent = { method: "POST", body: JSON.stringify(body), headers };
    return read(await fetch(`${url}${path}`, sent));
  };
  return {
    url,
    post,
    get: async (path) => read(await fetch(`${url}${path}`)),
    decide: (session, event, more = {}, key = undefined) => {
      const named = { tenant_id: "acme", session_id: session };
      return post("/v1/policy/decide", { event, session: named, ...more }, key);
    },
  };
}

/** A call that is proposed. */
export function proposal(tool: string, more: JsonObject = {}): JsonObject {
  return { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: tool, ...more } };
}
