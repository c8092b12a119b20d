// The gate of the proxy over a ledger in memory, for tests that play client and server themselves.

import { createLiveStates } from "../../src/app/serve/live-states.ts";
import { createRateLimiter } from "../../src/app/serve/rate-limit.ts";
import type { Decide } from "../../src/control/decide/decision.ts";
import { decideFast } from "../../src/control/decide/fast.ts";
import { noTelemetry } from "../../src/control/telemetry/span.ts";
import type { LoggedEvent } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../src/ledger/memory.ts";
import { createGate, type GateParts } from "../../src/mcp/gate.ts";
import { createStdioProxy } from "../../src/mcp/stdio.ts";

export const session = { tenant: "acme", id: "s", user: "" };
export const budgets = {
  timeout_ms: 60_000,
  max_output_bytes: 1000,
  max_steps: 500,
  max_tool_calls: 100,
};

const undecided = { outcome: "deny", reason: "POLICY_ERROR", constraints: {} } as const;

/**
 * @param permissions of the manifest
 * @param decide absent: by the shipped policy
 */
export function gateScene(
  permissions: object = { tools: ["echo"], budgets },
  approvalWaitMs = 0,
  passedMethods: readonly string[] = [],
  decide: Decide = (input) => decideFast(input) ?? undecided,
) {
  const log = createControlLog(createMemoryStore("aegis.local/test"));
  const manifest = JSON.parse(JSON.stringify({ permissions })) as GateParts["manifest"];
  /** It stands still. */
  const clock = { ms: 1_700_000_000_000 };
  const nowMs = () => clock.ms;
  const secret = new Uint8Array(32);
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const gate = createGate({
    ...{ log, manifest, nowMs, say, passedMethods },
    ...{ secret, decide },
    states: createLiveStates(log),
    limiter: createRateLimiter(0, nowMs),
    approvalWaitMs,
    isStrict: false,
    telemetry: noTelemetry,
  });
  const events = (): Promise<readonly LoggedEvent[]> =>
    log.events({ tenant: "acme", session: "s", limit: 1000 });
  return {
    ...{ gate, log, clock, nowMs, secret, said, say, events },
    types: async () => (await events()).map(({ type }) => type),
  };
}

export const request = (id: number | string, method = "ping", params: object = {}) => {
  return { jsonrpc: "2.0", id, method, params };
};
export const call = (id: number | string, name = "echo", args: object = { n: id }) =>
  request(id, "tools/call", { name, arguments: args });
export const result = (id: number | string, value: object = {}) => {
  return { jsonrpc: "2.0", id, result: value };
};

/** Client and server of one proxy over lines; what either was sent is in its list. */
export function stdioScene({ passed = [] as readonly string[], tenant = session.tenant } = {}) {
  const known = gateScene(undefined, 0, passed);
  const [toClient, toServer] = [[] as string[], [] as string[]];
  const proxy = createStdioProxy({
    ...{ gate: known.gate, session: { ...session, tenant }, say: known.say },
    write: (text) => void toClient.push(text),
    send: async (text) => void toServer.push(text),
  });
  const lines = (messages: readonly object[]) =>
    new Response(messages.map((one) => `${JSON.stringify(one)}\n`).join("")).body ??
    new ReadableStream();
  return {
    ...known,
    toClient,
    toServer,
    client: (...messages: readonly object[]) => proxy.fromClient(lines(messages)),
    server: (...messages: readonly object[]) => proxy.fromServer(lines(messages)),
  };
}
