// Identifiers: branded so that a session id cannot be passed where a policy id belongs.

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** UUID in lower-case text form. */
export type SessionId = Branded<string, "SessionId">;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A fresh session id: UUID v7, so that ids sort by creation time. */
export function newSessionId(): SessionId {
  return Bun.randomUUIDv7() as SessionId;
}

/** The id when `text` is a UUID in any letter case, else undefined. */
export function parseSessionId(text: string): SessionId | undefined {
  const lower = text.toLowerCase();
  return UUID.test(lower) ? (lower as SessionId) : undefined;
}

/** A part of a file name that no other process chooses; not a secret. */
export function uniqueSuffix(): string {
  return Bun.randomUUIDv7();
}

/** Unguessable bytes, for keys. */
export function randomSecret(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(sizeBytes));
}

/** Ids drawn together. */
const idsDrawn = 256;

/** Random ids in lower-case hex; drawn many at once, which takes a tenth of the time of each. */
export function createRandomIds(sizeBytes: number): () => string {
  const length = 2 * sizeBytes;
  let drawn = "";
  let at = 0;
  return () => {
    if (at === drawn.length) {
      drawn = randomSecret(sizeBytes * idsDrawn).toHex();
      at = 0;
    }
    at += length;
    return drawn.slice(at - length, at);
  };
}

/** Name of a new ledger: part of the origin that its checkpoints carry for ever. */
export function newLedgerName(): string {
  return crypto.randomUUID();
}
