// SHA-256 and the text forms of bytes used in the ledger. Synchronous and without node:crypto,
// which costs start-up time.

/** SHA-256 of bytes, or of the UTF-8 form of a text. */
export function sha256(data: Uint8Array | string): Uint8Array<ArrayBuffer> {
  const digest = new Uint8Array(32);
  Bun.SHA256.hash(data, digest);
  return digest;
}

/** SHA-256 of bytes, or of the UTF-8 form of a text, in lower-case hex. */
export function sha256Hex(data: Uint8Array | string): string {
  return Bun.SHA256.hash(data, "hex");
}

/**
 * The bytes of a padded standard base64 text; undefined for any other spelling of the same bytes.
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    const bytes = Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
    return bytes.toBase64() === text ? bytes : undefined;
  } catch {
    // ignored: text that is not base64 is the answer `undefined`, and the callers say what it was
    // meant to be
    return undefined;
  }
}

/** Not for secrets: takes less time the earlier the difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
