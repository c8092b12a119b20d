// What an idempotency key stands for, and what it was answered, as it is kept. Pure.

import { sha256Hex } from "../../base/hash.ts";
import { spelledOf } from "../../base/spelled-json.ts";
import type { AppendRequest } from "./contract.ts";
import { unprovenRecord } from "./record-seal.ts";

export interface IdempotentAnswer {
  readonly request: string;
  readonly seq: number;
  readonly hash: string;
  readonly index: number;
}

/** Undefined for what was changed outside of aegis. */
export function readAnswer(json: string): IdempotentAnswer | undefined {
  try {
    return json === unprovenRecord ? undefined : (JSON.parse(json) as IdempotentAnswer);
  } catch {
    // ignored: one that cannot be read refuses its own key, and keeps no other event from its place
    return undefined;
  }
}

/** Of what was asked: the same again is the same request. */
export function fingerprint(request: AppendRequest): string {
  const { user, session, type, seq, prevHash, hash, answers } = request;
  if (answers !== undefined) return sha256Hex(JSON.stringify([user, session, type, answers]));
  const payload = spelledOf(request.payload).form("python");
  const parts = [user, session, type, payload, String(seq), prevHash?.toHex(), hash?.toHex()];
  return sha256Hex(JSON.stringify(parts));
}
