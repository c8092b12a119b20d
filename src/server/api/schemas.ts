// Schemas that several operations share, each under the name it has in the document.

import { z } from "zod";
import { outcomes } from "../../control/decide/decision.ts";
import { codes } from "./codes.ts";

/** Gives a schema a name: the document refers to it instead of repeating it. */
export function named<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id });
  return schema;
}

const nameMax = 512;
export const tenantId = z.string().min(1).max(nameMax).describe("The tenant");
export const sessionId = z.string().min(1).max(nameMax).describe("The session, within its tenant");
export const text = z.string().max(nameMax);

/** 2^53 - 1: what every language reads as the same number. */
const countMax = Number.MAX_SAFE_INTEGER;
export const count = z.int().min(0).max(countMax);
export const unixMs = count.describe("Milliseconds since 1970");
/** Last millisecond of a date. */
export const timeMax = 8.64e15 - 1;

export const hexHash = named(
  "Hash",
  z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("SHA-256, in hex"),
);
export const base64Hash = z
  .string()
  .regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/)
  .describe("SHA-256, in base64");

const byte = z.int().min(0).max(255);
/** As the reference daemon, its SDK and this one write it. */
export const anyHash = named(
  "AnyHash",
  z
    .union([
      z.string().regex(/^([0-9a-fA-F]{64}|[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)?$/),
      z.array(byte).length(32),
      z.array(byte).length(0),
      z.null(),
    ])
    .describe("SHA-256 in hex, in base64 or as 32 integers; null or empty for none"),
);

export const anyJson = z.unknown();
export const anyObject = z.record(z.string(), z.unknown());

export const failure = named(
  "Error",
  z
    .looseObject({
      error: z.string().describe("For people"),
      code: z.enum(Object.keys(codes) as [keyof typeof codes]).describe("For programs"),
      expected_seq: count.optional().describe("With `chain_conflict`: the seq that would follow"),
      expected_prev_hash: z
        .string()
        .optional()
        .describe("With `chain_conflict`: the hash that would be before it"),
    })
    .describe("Every answer that is not what was asked for"),
);

export const keyHeader = z.string().max(255).optional();

export const event = named(
  "Event",
  z
    .strictObject({
      tenant_id: z.string(),
      user_id: z.string(),
      session_id: z.string(),
      seq: count,
      ts_unix_ms: unixMs,
      event_type: z.string(),
      payload: anyJson,
      prev_hash: z.union([hexHash, z.literal("")]).describe("Empty for the first of a session"),
      hash: hexHash,
      index: count.describe("Place in the ledger's tree"),
    })
    .describe("An event as it is stored"),
);

export const legacyEvent = named(
  "LegacyEvent",
  z
    .strictObject({
      TenantID: z.string(),
      SessionID: z.string(),
      Seq: count,
      TsUnixMs: unixMs,
      EventType: z.string(),
      PayloadJSON: z.string().describe("Base64 of the payload's JSON text"),
      Hash: base64Hash,
      PrevHash: base64Hash.nullable(),
    })
    .describe("An event as the reference daemon shows it"),
);

export const decision = named(
  "Decision",
  z.strictObject({
    outcome: z.enum(outcomes),
    reason: z.string().describe("OK, why not, or a word of your own policy"),
    constraints: anyObject.describe("What an allowed call may cost"),
  }),
);
