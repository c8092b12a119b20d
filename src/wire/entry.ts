// `--json` of the commands that show ledger entries and sessions.

import { z } from "zod";
import type { SealedEvent } from "../model/event.ts";

/** One sealed event, exactly as it is hashed, and its hash. */
export const entry = z.strictObject({
  tenant_id: z.string(),
  user_id: z.string(),
  session_id: z.uuid(),
  seq: z.number().int().min(0),
  ts_unix_ms: z.number().int(),
  event_type: z.string(),
  payload: z.record(z.string(), z.json()),
  prev_hash: z.string(),
  hash: z.string(),
});

/** `aegis log --json`, `aegis audit query --json`: newest first. */
export const entryPage = z.strictObject({
  ledger: z.string(),
  /** Entries that match, on all pages. */
  total: z.number().int(),
  entries: z.array(entry),
});
export type EntryPage = Readonly<{
  ledger: string;
  total: number;
  entries: readonly SealedEvent[];
}>;

export const session = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  mode: z.string(),
  command: z.array(z.string()),
  directory: z.string(),
  policy_hash: z.string(),
  tag: z.string().nullable(),
  /** ISO 8601, UTC. */
  start_time: z.string(),
  /** Null while it runs, or when it was killed. */
  end_time: z.string().nullable(),
  exit_status: z.number().int().nullable(),
  total_actions: z.number().int(),
  denied_actions: z.number().int(),
  /** Its entries, its command, folder and tag are not there any more. */
  purged: z.boolean(),
  /** What it did and could not store; null when it says of nothing. */
  lost: z.strictObject({ actions: z.number().int(), reason: z.string() }).nullable(),
});
export type Session = z.infer<typeof session>;

/** `aegis audit sessions --json` */
export const sessionList = z.strictObject({ ledger: z.string(), sessions: z.array(session) });
export type SessionList = z.infer<typeof sessionList>;

/** `aegis audit session --json` */
export const sessionDetails = z.strictObject({
  ledger: z.string(),
  session,
  entries: z.array(entry),
});
export type SessionDetails = Readonly<{
  ledger: string;
  session: Session;
  entries: readonly SealedEvent[];
}>;

export const checkpoint = z.strictObject({
  origin: z.string(),
  size: z.number().int(),
  root: z.string(),
  note: z.string(),
});
export type CheckpointView = z.infer<typeof checkpoint>;

/** `aegis audit verify --json` */
export const integrity = z.strictObject({
  ledger: z.string(),
  valid: z.boolean(),
  total_entries: z.number().int(),
  /** Of these, those that were purged and of which only the place in the tree is left. */
  purged_entries: z.number().int(),
  findings: z.array(
    z.strictObject({
      kind: z.string(),
      index: z.number().int().nullable(),
      message: z.string(),
    }),
  ),
  /** What could not be checked; a valid ledger with warnings is proven less. */
  warnings: z.array(z.string()),
  unclosed_sessions: z.array(z.string()),
  /** Sessions that say how much of them could not be stored. */
  losses: z.array(
    z.strictObject({ session_id: z.string(), actions: z.number().int(), reason: z.string() }),
  ),
  checkpoint: checkpoint.nullable(),
});
export type Integrity = z.infer<typeof integrity>;

/** `aegis audit policy-history --json`: newest first. */
export const policyHistory = z.strictObject({
  ledger: z.string(),
  policies: z.array(
    z.strictObject({
      hash: z.string(),
      timestamp: z.string(),
      session_id: z.string(),
      agent: z.string(),
      sources: z.array(z.strictObject({ kind: z.string(), name: z.string(), text: z.string() })),
    }),
  ),
});
export type PolicyHistory = z.infer<typeof policyHistory>;

/** `aegis audit tag --json` */
export const taggedSession = z.strictObject({ session_id: z.string(), tag: z.string() });
export type TaggedSession = z.infer<typeof taggedSession>;

/** `aegis audit purge --json` */
export const purgedLedger = z.strictObject({
  ledger: z.string(),
  purged_sessions: z.number().int(),
  purged_entries: z.number().int(),
  /** The session that says so, or dates what clients recorded; null where there was neither. */
  session_id: z.string().nullable(),
  /** As it is now. */
  valid: z.boolean(),
  checkpoint: checkpoint.nullable(),
});
export type PurgedLedger = z.infer<typeof purgedLedger>;

/** `aegis audit prove --json` */
export const entryProof = z.strictObject({
  index: z.number().int(),
  /** Canonical bytes of the entry: the leaf of the tree. */
  body: z.string(),
  checkpoint,
  /** Leaf to root, base64. */
  hashes: z.array(z.string()),
  receipt: z.string(),
  verifier_key: z.string(),
});
export type EntryProof = z.infer<typeof entryProof>;
