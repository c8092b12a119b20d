// TLS ClientHello messages made by hand, so that they can be wrong, and certificates for servers
// that are asked by real clients.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "./temp.ts";

export interface HelloFields {
  readonly serverName?: string | undefined;
  /** Types of extensions without content, behind the server name. */
  readonly extra?: readonly number[];
  /** Bytes of extensions, instead of all others. */
  readonly raw?: readonly number[];
  /** Handshake bytes per record; default: all in one. */
  readonly recordSize?: number;
  /** Bytes behind the message, in the same record. */
  readonly tail?: readonly number[];
}

export function clientHello(fields: HelloFields): Buffer {
  const { serverName, extra = [], raw, recordSize = 1 << 14, tail = [] } = fields;
  const named = serverName === undefined ? [] : extension(0, serverNameList(serverName));
  const extensions = raw ?? [...named, ...extra.flatMap((type) => extension(type, []))];
  const body = [
    ...[3, 3],
    ...new Array<number>(32).fill(0x55),
    0,
    ...vector(2, [0x13, 0x01, 0x13, 0x02]),
    ...vector(1, [0]),
    ...(extensions.length === 0 ? [] : vector(2, extensions)),
  ];
  const message = [1, ...vector(3, body), ...tail];
  const records: number[] = [];
  for (let at = 0; at < message.length; at += recordSize)
    records.push(22, 3, 1, ...vector(2, message.slice(at, at + recordSize)));
  return Buffer.from(records);
}

function serverNameList(name: string): readonly number[] {
  return vector(2, [0, ...vector(2, [...Buffer.from(name, "latin1")])]);
}

function extension(type: number, body: readonly number[]): readonly number[] {
  return [type >> 8, type & 0xff, ...vector(2, body)];
}

function vector(lengthSize: number, body: readonly number[]): readonly number[] {
  const length = Array.from({ length: lengthSize }, (_, at) => {
    return (body.length >> (8 * (lengthSize - 1 - at))) & 0xff;
  });
  return [...length, ...body];
}

/** A key and a certificate for one name that vouches for itself. */
export function certificate(name: string): { readonly key: string; readonly cert: string } {
  const folder = tempDir("tls");
  const key = join(folder, "key");
  const cert = join(folder, "cert");
  const how = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const what = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  const files = ["-nodes", "-days", "2", "-keyout", key, "-out", cert];
  const made = Bun.spawnSync(["openssl", ...how, ...what, ...files]);
  if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr.toString()}`);
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}
