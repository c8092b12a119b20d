// The codes of refusals: `code` in the body of every answer that is not what was asked for.
// Programs rely on them, so none is ever renamed. An operation names those that it answers with.

export const codes = {
  json_invalid: {
    status: 400,
    meaning:
      "the body is no JSON text: cut short, not UTF-8, a name given twice, half a character, a number that is none or, by its name, too large, nested deeper than 64, or no object where one is wanted",
  },
  body_incomplete: { status: 400, meaning: "the connection ended in the middle of the body" },
  member_missing: { status: 400, meaning: "a member that is required is absent or empty" },
  member_unknown: { status: 400, meaning: "a member that nobody would read" },
  type_invalid: { status: 400, meaning: "a member has another type, or is out of its range" },
  hash_invalid: { status: 400, meaning: "a hash is not 32 bytes in base64, hex or a list" },
  parameter_missing: { status: 400, meaning: "a parameter that is required is absent or empty" },
  parameter_invalid: { status: 400, meaning: "a parameter or header is not what it may be" },
  parameter_repeated: { status: 400, meaning: "a parameter is given more than once" },
  parameter_unknown: { status: 400, meaning: "a parameter that nobody would read" },
  event_invalid: {
    status: 400,
    meaning:
      "the event cannot be kept: a number too large, which the text names, a name too long, or over 4 MiB; or arguments of over 1 MiB that a person is to decide about",
  },
  hash_mismatch: { status: 400, meaning: "the event does not have the hash it is sent with" },
  first_has_prev: { status: 400, meaning: "the first event of a session has a `prev_hash`" },
  unauthorized: { status: 401, meaning: "a valid API key is required" },
  role_forbidden: {
    status: 403,
    meaning: "the caller's role may not do this; an agent cannot approve tool calls",
  },
  tenant_forbidden: { status: 403, meaning: "the caller is another tenant's" },
  tenant_keyless: {
    status: 403,
    meaning: "what clients record is encrypted here, and there is no key for the tenant",
  },
  tenant_reserved: { status: 403, meaning: "the tenant `local` is this machine's own" },
  type_reserved: {
    status: 403,
    meaning:
      "only a box records events of that type, and only the server, or an `admin` who imports it, what a person decided",
  },
  approval_own_request: {
    status: 403,
    meaning: "the key asked for the tool call itself; another one has to decide about it",
  },
  peer_forbidden: {
    status: 403,
    meaning: "on a Unix socket: the account that connected is not listed",
  },
  host_forbidden: { status: 403, meaning: "the `Host` is none that is served here: see `hosts`" },
  origin_forbidden: { status: 403, meaning: "pages of other origins are not answered" },
  route_not_found: { status: 404, meaning: "there is no such path" },
  session_not_found: { status: 404, meaning: "the session has no events" },
  approval_not_found: { status: 404, meaning: "nobody asked for an approval with that token" },
  method_not_allowed: { status: 405, meaning: "the path has other methods: see `Allow`" },
  request_timeout: { status: 408, meaning: "the body took too long to come" },
  chain_conflict: {
    status: 409,
    meaning:
      "the event does not follow the last one; `expected_seq` and `expected_prev_hash` say what would",
  },
  approval_decided: { status: 409, meaning: "the approval was decided before" },
  session_purged: {
    status: 410,
    meaning: "the events of the session were purged: they cannot be read, and nothing follows them",
  },
  approval_expired: { status: 410, meaning: "the approval was not decided in time" },
  body_too_large: { status: 413, meaning: "the body is larger than 8 MiB" },
  batch_too_large: { status: 413, meaning: "a batch has more than 1000 events" },
  encoding_unsupported: {
    status: 415,
    meaning: "a `Content-Encoding`: bodies are read as they come",
  },
  idempotency_mismatch: {
    status: 422,
    meaning:
      "the idempotency key was used for another event or question, or what it was answered is not sealed with the ledger's key",
  },
  number_inexact: {
    status: 422,
    meaning: "a number that a person decides about is none that a double holds: send it as a text",
  },
  manifest_invalid: { status: 422, meaning: "the manifest is not valid: the text names the field" },
  rate_limited: { status: 429, meaning: "too many calls of the tool: see `Retry-After`" },
  internal: { status: 500, meaning: "the request could not be answered; it is a defect" },
  ledger_unavailable: {
    status: 503,
    meaning:
      "the ledger cannot be read or written now. Whether an event or a decision was stored is not known: send it again with its `seq` or `Idempotency-Key`",
  },
} as const satisfies Readonly<
  Record<string, { readonly status: number; readonly meaning: string }>
>;

export type Code = keyof typeof codes;

export function statusOf(code: Code): number {
  return codes[code].status;
}
