// Tool calls that wait for a person, as they are kept beside the events of a ledger: asked for by
// the HTTP API and by the MCP proxy alike, and decided by whoever comes first.

import { canonicalJson } from "../../base/canonical-json.ts";
import { sha256Hex } from "../../base/hash.ts";
import { randomSecret } from "../../base/ids.ts";
import { parseJsonText } from "../../base/json-text.ts";
import { approvalArgsMaxBytes } from "../../base/limits.ts";
import { err, ok, type Result } from "../../base/result.ts";
import {
  type Approval,
  type ApprovalRequest,
  type ApprovalRules,
  requestApproval,
} from "../../control/approvals/router.ts";
import { equalInConstantTime } from "../../control/constant-time.ts";
import type { AppendOutcome, ControlLog, LogRecord } from "../../ledger/control/contract.ts";
import { tenantPrefix } from "../../ledger/control/foreign.ts";
import type { JsonObject } from "../../model/event.ts";

export interface ApprovalStore {
  readonly log: ControlLog;
  /** Signs tokens and seals records. */
  readonly secret: Uint8Array;
  readonly nowMs: () => number;
  /** Absent: the usual ones. */
  readonly approvalRules?: ApprovalRules | undefined;
  /**
   * Told of each that was stored.
   * @param parent `traceparent` of what led to it
   */
  readonly onAsked?: ((asked: AskedApproval, parent?: string) => void) | undefined;
}

export interface AskedApproval {
  readonly token: string;
  readonly approval: Approval;
}

export interface KeptApproval {
  readonly approval: Approval;
  /** The text of the record; what replaces it names it. */
  readonly json: string;
}

type Kept = Pick<ApprovalStore, "log" | "nowMs" | "secret">;

export const approvalKind = "approval";
/** Approvals that are read at once; each may have a mebibyte of arguments, twice. */
const pageSize = 16;

/** Why a request cannot be kept: the log's own words about its event. */
export type RefusedAppend = AppendOutcome & { readonly kind: "refused" };

/** The token is known to nobody else and cannot be had again. */
export async function askApproval(
  { log, secret, nowMs, onAsked, approvalRules }: ApprovalStore,
  request: ApprovalRequest,
  about: JsonObject = {},
): Promise<Result<AskedApproval, RefusedAppend>> {
  const message = argumentsFlaw(request.args);
  if (message !== undefined) {
    const nowhere = { expectedSeq: 0, expectedPrevHash: "" };
    return err({ kind: "refused", code: "event_invalid", message, ...nowhere });
  }
  const maker = { secret, nonce: () => randomSecret(8) };
  const { token, approval } = requestApproval(request, maker, nowMs(), approvalRules);
  const event = {
    tool_name: request.tool,
    args_hash: sha256Hex(canonicalJson(request.args)),
    ...(approval.requested_by === undefined ? {} : { requested_by: approval.requested_by }),
    ...about,
    approval_token_hash: approval.token_hash,
    expires_unix_ms: approval.expires_ms,
  };
  const type = "APPROVAL_REQUESTED";
  const problem = await recordApproval(
    { log, nowMs, secret },
    approval,
    { type, event },
    undefined,
  );
  if (problem !== undefined) return err(problem);
  onAsked?.({ token, approval });
  return ok({ token, approval });
}

/** Nobody reads as much, and who lists what waits would have to hold it. */
export function argumentsFlaw(args: JsonObject): string | undefined {
  const size = Buffer.byteLength(JSON.stringify(args));
  if (size <= approvalArgsMaxBytes) return undefined;
  return `the arguments have ${size} bytes, and at most ${approvalArgsMaxBytes} can be decided about`;
}

/**
 * Stores the approval and the event about it, both or neither.
 * @param expected the record that it replaces
 * @returns undefined: they are stored
 */
export async function recordApproval(
  { log, nowMs, secret }: Kept,
  approval: Approval,
  { type, event }: { readonly type: string; readonly event: JsonObject },
  expected: string | undefined,
): Promise<RefusedAppend | undefined> {
  const { tenant_id: tenant, session_id: session } = approval;
  const payload = parseJsonText(JSON.stringify(event));
  const record = recordOf(approval, secret);
  const request = { tenant, session, user: "", type, payload, change: { record, expected } };
  const [outcome] = await log.append([{ ...request, tsUnixMs: nowMs() }]);
  return outcome?.kind === "refused" ? outcome : undefined;
}

/** @returns undefined for none, and for one that was changed outside of aegis */
export async function keptApproval(
  { log, secret }: Pick<ApprovalStore, "log" | "secret">,
  tenant: string,
  tokenHash: string,
): Promise<KeptApproval | undefined> {
  return keptIn(await log.record(approvalKind, `${tenantPrefix(tenant)}${tokenHash}`), secret);
}

/** As `keptApproval`, without its tenant: asked of each tenant that has any, however many. */
export async function approvalOfAnyTenant(
  { log, secret }: Pick<ApprovalStore, "log" | "secret">,
  tokenHash: string,
): Promise<KeptApproval | undefined> {
  for (let after: string | undefined; ; ) {
    const [next] = await log.records(approvalKind, "", 1, after);
    if (next === undefined) return undefined;
    const prefix = `${next.key.split("/", 1)[0]}/`;
    const found = await log.record(approvalKind, `${prefix}${tokenHash}`);
    if (found !== undefined) return keptIn(found, secret);
    // Behind all keys of this tenant and before those of the next.
    after = `${prefix}\u{10ffff}`;
  }
}

/**
 * Page by page, those that this server's secret sealed.
 * @param prefix what their keys begin with: a tenant's, or nothing for all of them
 * @param afterHash only those behind this hash of a token, whether it is there or not
 */
export async function* approvalPages(
  { log, secret }: Pick<ApprovalStore, "log" | "secret">,
  prefix: string,
  afterHash?: string,
): AsyncGenerator<readonly KeptApproval[]> {
  const first = afterHash === undefined ? undefined : `${prefix}${afterHash}`;
  for await (const page of approvalRecordPages(log, prefix, first)) {
    yield page.map((record) => keptIn(record, secret)).filter((kept) => kept !== undefined);
  }
}

/** The same as they are kept, whoever wrote them. */
export async function* approvalRecordPages(
  log: Pick<ControlLog, "records">,
  prefix: string,
  first?: string,
): AsyncGenerator<readonly LogRecord[]> {
  for (let after = first; ; ) {
    const page = await log.records(approvalKind, prefix, pageSize, after);
    yield page;
    after = page.at(-1)?.key;
    if (page.length < pageSize || after === undefined) return;
  }
}

/** Only where it is what was read. */
export function removeApproval(
  { log }: Pick<ApprovalStore, "log">,
  { approval, json }: KeptApproval,
): Promise<boolean> {
  return log.removeRecord({ kind: approvalKind, key: keyOf(approval), json });
}

function keptIn(record: LogRecord | undefined, secret: Uint8Array): KeptApproval | undefined {
  const approval = record === undefined ? undefined : readApproval(record.json, secret);
  return record === undefined || approval === undefined
    ? undefined
    : { approval, json: record.json };
}

/**
 * An allowed call may go on once, whoever asks and after however many restarts.
 * @returns false when another one took it first
 */
export function useApproval(
  { log, nowMs, secret }: Kept,
  { approval, json }: KeptApproval,
): Promise<boolean> {
  return log.putRecord(recordOf({ ...approval, used_ms: nowMs() }, secret), json);
}

/**
 * Whoever writes to the database can neither allow a call nor show another one than was asked for:
 * without the secret there is no seal for it.
 * @returns undefined for a record that no server with this secret wrote
 */
export function readApproval(json: string, secret: Uint8Array): Approval | undefined {
  try {
    const { seal, ...approval } = JSON.parse(json) as Approval & { readonly seal?: unknown };
    const own = Buffer.from(sealOf(approval, secret));
    return equalInConstantTime(Buffer.from(String(seal)), own) ? approval : undefined;
  } catch {
    // ignored: what cannot even be read was written by no server, which is the answer
    return undefined;
  }
}

function recordOf(approval: Approval, secret: Uint8Array): LogRecord {
  const json = JSON.stringify({ ...approval, seal: sealOf(approval, secret) });
  return { kind: approvalKind, key: keyOf(approval), json };
}

function keyOf({ tenant_id, token_hash }: Approval): string {
  return `${tenantPrefix(tenant_id)}${token_hash}`;
}

function sealOf(approval: Approval, secret: Uint8Array): string {
  const text = canonicalJson(JSON.parse(JSON.stringify(approval)));
  return new Bun.CryptoHasher("sha256", secret).update(`approval record\n${text}`).digest("hex");
}
