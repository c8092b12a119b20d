// Tokens that let a box record into a session of the control plane: minted by a server, checked by
// the launcher, which shares its secret and its ledger. Whoever holds one may join until it
// expires. Pure; tokens come from anyone.

import { timingSafeEqual } from "node:crypto";

/** What a token says; all of it is covered by its seal. */
export interface SessionGrant {
  readonly tenant: string;
  readonly session: string;
  /** Of the ledger the session is in. */
  readonly origin: string;
  readonly expiresUnixMs: number;
}

export type TokenProblem = "malformed" | "forged" | "expired";

export const sessionTokenTtlMsDefault = 10 * 60 * 1000;
export const sessionTokenTtlMsMax = 24 * 60 * 60 * 1000;
/** Longer texts are not looked at. */
export const sessionTokenLengthMax = 8192;

const form = /^aegis-session\.([A-Za-z0-9_-]{1,8000})\.([A-Za-z0-9_-]{43})$/;
const url = { alphabet: "base64url", omitPadding: true } as const;

export function mintSessionToken(grant: SessionGrant, secret: Uint8Array): string {
  const { tenant, session, origin, expiresUnixMs } = grant;
  const text = JSON.stringify([tenant, session, origin, expiresUnixMs]);
  const body = new TextEncoder().encode(text).toBase64(url);
  return `aegis-session.${body}.${sealOf(body, secret).toBase64(url)}`;
}

/** What the token grants now, or why it grants nothing. */
export function readSessionToken(
  token: string,
  secret: Uint8Array,
  nowMs: number,
): SessionGrant | TokenProblem {
  const [, body = "", seal = ""] = form.exec(token) ?? [];
  if (body === "") return "malformed";
  const given = bytesOf(seal);
  if (given?.length !== 32) return "malformed";
  if (!timingSafeEqual(sealOf(body, secret), given)) return "forged";
  const grant = grantOf(body);
  if (grant === undefined) return "malformed";
  return nowMs < grant.expiresUnixMs ? grant : "expired";
}

/** The words before the body keep it from being anything else that the same secret seals. */
function sealOf(body: string, secret: Uint8Array): Uint8Array {
  const hasher = new Bun.CryptoHasher("sha256", secret);
  return new Uint8Array(hasher.update(`aegis session token\n${body}`).digest());
}

function bytesOf(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    // ignored: such a text stands for no bytes, which is the answer
    return undefined;
  }
}

function grantOf(body: string): SessionGrant | undefined {
  const text = new TextDecoder().decode(bytesOf(body));
  const [tenant, session, origin, expiresUnixMs]: unknown[] = JSON.parse(text);
  const isSound =
    typeof tenant === "string" && typeof session === "string" && typeof origin === "string";
  if (!isSound || typeof expiresUnixMs !== "number") return undefined;
  return { tenant, session, origin, expiresUnixMs };
}
