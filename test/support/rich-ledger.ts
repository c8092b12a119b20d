// A small ledger that has something in every table and every column: sessions of this machine and
// of clients, a box in a client's, events in several forms and an encrypted one, approvals, steps,
// idempotency keys, tags, policies, two checkpoints, and enough events for a tree node.

import {
  askApproval,
  keptApproval,
  recordApproval,
} from "../../src/app/serve/approval-requests.ts";
import { canonicalText } from "../../src/base/canonical-dialects.ts";
import { sha256 } from "../../src/base/hash.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { AppendRequest, ControlLog } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { readPayloadKeys } from "../../src/ledger/encrypted/payload-keys.ts";
import { encryptedStore } from "../../src/ledger/encrypted/store.ts";
import { payloadsMarker } from "../../src/ledger/encrypted/text.ts";
import type { Store } from "../../src/ledger/store.ts";
import { policySnapshot } from "../../src/model/policy-snapshot.ts";
import { createStepRecorder } from "../../src/server/steps.ts";
import {
  access,
  denial,
  opening,
  recordSession,
  startMs,
  type TestLedger,
  testPolicy,
} from "./ledger.ts";

export const richTenant = "acme";
/** Sessions of clients: one with something of everything, one in another form, an encrypted one. */
export const richSessions = [
  { tenant: richTenant, session: "client" },
  { tenant: richTenant, session: "python" },
  { tenant: "secretive", session: "client" },
] as const;

const secret = new Uint8Array(32).fill(3);
const nowMs = () => startMs + 20;

const client: AppendRequest = {
  tenant: richTenant,
  user: "u1",
  session: "client",
  type: "TOOL_CALL_PROPOSED",
  payload: parseJsonText('{"tool_name":"exec","call_id":"c1","args":{},"decision":"allow"}'),
  tsUnixMs: startMs,
};

/** @param log over the store of `opened` */
export async function recordEverything(opened: TestLedger, log: ControlLog): Promise<void> {
  const { ledger } = opened;
  // Signed before there is anything but this, so that there is a claim of the first key.
  const writer = await ledger.openSession(opening({ tag: "first" }), testPolicy, startMs);
  await ledger.checkpoint();
  await writer.append([access("/a"), denial("/b")]);
  await writer.close({ last: [], tsUnixMs: startMs + 2, exitStatus: 3, summary: {} });
  await recordClients(opened, log);
  await recordEncrypted(opened);
  const other = policySnapshot([{ kind: "cedar", name: "own", text: "// \u0001 nothing\n" }]);
  const changes = { name: "second", policyHash: other.hash, command: ["sh", "-c", "\u001f"] };
  const second = await ledger.openSession(opening(changes), other, startMs + 3);
  await ledger.tag(second.id, "kept", startMs + 4);
  const { size } = await opened.store.head();
  await recordSession(ledger, 256 - size, { name: "third" });
}

async function recordClients({ ledger, store }: TestLedger, log: ControlLog): Promise<void> {
  await log.append([
    { ...client, idempotencyKey: "once" },
    { ...client, type: "TOOL_RESULT", idempotencyKey: "twice" },
    pythonEvent(),
  ]);
  const store_ = { log, secret, nowMs };
  const call = { tenant: richTenant, session: "client", tool: "exec", args: { a: 1 } };
  const asked = await askApproval(store_, call);
  await askApproval(store_, { ...call, args: { a: 2 } });
  if (!asked.ok) throw new Error("not asked");
  const kept = await keptApproval(store_, richTenant, asked.value.approval.token_hash);
  if (kept === undefined) throw new Error("not kept");
  const decided = { ...kept.approval, status: "ALLOWED", decided_ms: nowMs() } as const;
  const about = { type: "APPROVAL_DECIDED", event: { decision: "allow" } };
  await recordApproval(store_, decided, about, kept.json);
  const joined = { tenant: richTenant, session: "client", origin: store.origin };
  const box = await ledger.joinSession(joined, opening(), testPolicy, startMs + 21);
  await box.append([denial("/etc/shadow")]);
  await box.close({ last: [], tsUnixMs: startMs + 22, exitStatus: 0, summary: {} });
  await log.append([{ ...client, type: "TERMINATION", tsUnixMs: startMs + 23 }]);
  const steps = createStepRecorder(log);
  for (const { tenant, session } of richSessions) await steps.recorded(tenant, session);
  await steps.stop();
}

function pythonEvent(): AppendRequest {
  const payload = '{"a":9007199254740993,"b":1.0}';
  const where = `"session_id":"python","tenant_id":"${richTenant}","ts_unix_ms":5,"user_id":""`;
  const text = `{"event_type":"X","payload":${payload},"seq":0,${where}}`;
  const hash = sha256(canonicalText(parseJsonText(text), "python"));
  const named = { tenant: richTenant, session: "python", user: "", type: "X", tsUnixMs: 5 };
  return { ...named, payload: parseJsonText(payload), hash };
}

/** One tenant's events are, as where a server has keys. */
async function recordEncrypted({ store }: TestLedger): Promise<void> {
  await store.putRecord({ ...payloadsMarker, json: "true" }, undefined);
  const log = createControlLog(throughKeys(store));
  await log.append([{ ...client, tenant: "secretive" }]);
}

/** The store as whoever has the keys of the encrypted session sees it. */
export function throughKeys(store: Store): Store {
  const read = readPayloadKeys({ keys: [{ key: secret.toBase64(), tenant: "secretive" }] });
  if (!read.ok) throw new Error(read.error);
  return encryptedStore(store, read.value);
}
