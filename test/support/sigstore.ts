// A Sigstore of one's own, in memory: a certificate authority, a log of certificates and a
// transparency log with the trust root that vouches for them, and bundles they would issue. Every
// part can be made wrong. Written from the formats (RFC 5280, 6962, Rekor's entries).

import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { canonicalJson } from "../../src/base/canonical-json.ts";
import type { JsonObject } from "../../src/model/event.ts";

export interface OwnSigstore {
  /** A trusted_root.json. */
  readonly trustRoot: JsonObject;
  bundle(wish: BundleWish): JsonObject;
}

export interface BundleWish {
  readonly bytes: Uint8Array;
  readonly identity: string;
  readonly issuer: string;
  /** Default: at the time it was logged. */
  readonly certificateFrom?: Date;
  readonly certificateUntil?: Date;
  readonly loggedAt?: Date;
  /** Without: nobody vouches for the time. */
  readonly promise?: boolean;
  /** Without: no log of certificates saw the certificate. */
  readonly sct?: boolean;
  /** Another transparency log's key, under the name of the trusted one. */
  readonly logKey?: Key;
}

interface Key {
  readonly privateKey: KeyObject;
  readonly spki: Buffer;
  readonly id: Buffer;
}

const loggedAt = new Date("2026-03-01T12:00:00Z");
const minuteMs = 60_000;

export function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  return { privateKey, spki, id: sha256(spki) };
}

export function ownSigstore(): OwnSigstore {
  const [authority, certificateLog, log] = [newKey(), newKey(), newKey()];
  const root = certificate({
    subject: "own authority",
    key: authority,
    from: new Date("2020-01-01T00:00:00Z"),
    until: new Date("2040-01-01T00:00:00Z"),
    extensions: [extension("2.5.29.19", der(0x30, der(0x01, [0xff])), true)],
    issuerKey: authority,
  });
  const validFor = { start: "2020-01-01T00:00:00Z" };
  const logEntry = (key: Key, baseUrl: string) => ({
    baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: {
      rawBytes: key.spki.toString("base64"),
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
      validFor,
    },
    logId: { keyId: key.id.toString("base64") },
  });
  return {
    trustRoot: {
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [logEntry(log, "https://log.test")],
      ctlogs: [logEntry(certificateLog, "https://ct.test")],
      certificateAuthorities: [
        {
          subject: { organization: "own", commonName: "own authority" },
          uri: "https://ca.test",
          certChain: { certificates: [{ rawBytes: root.toString("base64") }] },
          validFor,
        },
      ],
      timestampAuthorities: [],
    },
    bundle: (wish) => bundle(wish, { authority, certificateLog, log }),
  };
}

interface Parties {
  readonly authority: Key;
  readonly certificateLog: Key;
  readonly log: Key;
}

function bundle(wish: BundleWish, { authority, certificateLog, log }: Parties): JsonObject {
  const signer = newKey();
  const time = wish.loggedAt ?? loggedAt;
  const fields = {
    subject: "",
    key: signer,
    from: wish.certificateFrom ?? new Date(time.getTime() - minuteMs),
    until: wish.certificateUntil ?? new Date(time.getTime() + 9 * minuteMs),
    issuerKey: authority,
  };
  const extensions = [subjectName(wish.identity), issuerName(wish.issuer)];
  const without = toBeSigned({ ...fields, extensions });
  const stamp = certificateStamp(certificateLog, authority, without, fields.from);
  const stamped = wish.sct === false ? extensions : [...extensions, stamp];
  const leaf = certificate({ ...fields, extensions: stamped });
  const signature = sign("sha256", wish.bytes, signer.privateKey);
  const entry = {
    apiVersion: "0.0.1",
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm: "sha256", value: sha256(wish.bytes).toString("hex") } },
      signature: {
        content: signature.toString("base64"),
        publicKey: { content: Buffer.from(pemOf(leaf)).toString("base64") },
      },
    },
  };
  return {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: {
      certificate: { rawBytes: leaf.toString("base64") },
      tlogEntries: [logged(Buffer.from(canonicalJson(entry)), time, log, wish)],
    },
    messageSignature: {
      messageDigest: { algorithm: "SHA2_256", digest: sha256(wish.bytes).toString("base64") },
      signature: signature.toString("base64"),
    },
  };
}

/** In a log that has this one entry. */
function logged(body: Buffer, time: Date, log: Key, wish: BundleWish): JsonObject {
  const { privateKey } = wish.logKey ?? log;
  const seconds = Math.floor(time.getTime() / 1000);
  const root = sha256(Buffer.concat([Buffer.from([0]), body]));
  const note = `log.test\n1\n${root.toString("base64")}\n`;
  const noted = Buffer.concat([
    log.id.subarray(0, 4),
    sign("sha256", Buffer.from(note), privateKey),
  ]);
  const promised = canonicalJson({
    body: body.toString("base64"),
    integratedTime: seconds,
    logIndex: 0,
    logID: log.id.toString("hex"),
  });
  const promise = sign("sha256", Buffer.from(promised), privateKey).toString("base64");
  return {
    logIndex: "0",
    logId: { keyId: log.id.toString("base64") },
    kindVersion: { kind: "hashedrekord", version: "0.0.1" },
    integratedTime: String(seconds),
    ...(wish.promise === false ? {} : { inclusionPromise: { signedEntryTimestamp: promise } }),
    inclusionProof: {
      logIndex: "0",
      rootHash: root.toString("base64"),
      treeSize: "1",
      hashes: [],
      checkpoint: { envelope: `${note}\n\u2014 log.test ${noted.toString("base64")}\n` },
    },
    canonicalizedBody: body.toString("base64"),
  };
}

interface CertificateFields {
  readonly subject: string;
  readonly key: Key;
  readonly from: Date;
  readonly until: Date;
  readonly extensions: readonly Buffer[];
  readonly issuerKey: Key;
}

const ecdsaSha256 = der(0x30, oid("1.2.840.10045.4.3.2"));

function certificate(fields: CertificateFields): Buffer {
  const body = toBeSigned(fields);
  const signature = sign("sha256", body, fields.issuerKey.privateKey);
  return der(0x30, body, ecdsaSha256, bits(signature));
}

function toBeSigned({ subject, key, from, until, extensions }: CertificateFields): Buffer {
  return der(
    0x30,
    der(0xa0, der(0x02, [2])),
    der(0x02, [1]),
    ecdsaSha256,
    name("own authority"),
    der(0x30, generalizedTime(from), generalizedTime(until)),
    name(subject),
    key.spki,
    der(0xa3, der(0x30, ...extensions)),
  );
}

/** What the log of certificates promises about one, put into it (RFC 6962 section 3.3). */
function certificateStamp(log: Key, issuer: Key, withoutStamp: Buffer, at: Date): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(at.getTime()));
  const entry = Buffer.concat([sha256(issuer.spki), sized(3, withoutStamp)]);
  const signed = Buffer.concat([Buffer.from([0, 0]), time, Buffer.from([0, 1]), entry, sized(2)]);
  const signature = sign("sha256", signed, log.privateKey);
  const stamp = [
    Buffer.from([0]),
    log.id,
    time,
    sized(2),
    Buffer.from([4, 3]),
    sized(2, signature),
  ];
  const list = sized(2, sized(2, Buffer.concat(stamp)));
  return extension("1.3.6.1.4.1.11129.2.4.2", der(0x04, list), false);
}

function subjectName(identity: string): Buffer {
  const tag = identity.includes("://") ? 0x86 : 0x81;
  return extension("2.5.29.17", der(0x30, der(tag, Buffer.from(identity))), true);
}

function issuerName(issuer: string): Buffer {
  return extension("1.3.6.1.4.1.57264.1.8", der(0x0c, Buffer.from(issuer)), false);
}

function extension(id: string, value: Buffer, isCritical: boolean): Buffer {
  return der(0x30, oid(id), ...(isCritical ? [der(0x01, [0xff])] : []), der(0x04, value));
}

function name(common: string): Buffer {
  if (common === "") return der(0x30);
  const attribute = der(0x30, oid("2.5.4.3"), der(0x0c, Buffer.from(common)));
  return der(0x30, der(0x31, attribute));
}

function generalizedTime(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\.\d+Z/g, "")}Z`));
}

function bits(bytes: Buffer): Buffer {
  return der(0x03, [0], bytes);
}

function oid(id: string): Buffer {
  const [first = 0, second = 0, ...rest] = id.split(".").map(Number);
  return der(0x06, [first * 40 + second, ...rest.flatMap(base128)]);
}

function base128(value: number): readonly number[] {
  const digits = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

function der(tag: number, ...parts: readonly (Buffer | readonly number[])[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

/** With its length before it, in so many bytes. */
function sized(lengthSize: number, content: Buffer = Buffer.alloc(0)): Buffer {
  const length = Buffer.alloc(lengthSize);
  length.writeUIntBE(content.length, 0, lengthSize);
  return Buffer.concat([length, content]);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function pemOf(certificate_: Buffer): string {
  const lines = certificate_.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
