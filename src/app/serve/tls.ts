// The certificates a server shows, and those it wants its callers' to be vouched for by: read from
// their files, and again when these change. Files that do not fit together are refused while the
// old ones go on.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { AegisError } from "../../base/errors.ts";
import type { AbsPath } from "../../base/paths.ts";
import { readSmallFile } from "../control-client.ts";
import type { ServeNotice } from "./tool-policy.ts";
import { watchFiles } from "./watch-files.ts";

export interface TlsFiles {
  readonly cert: AbsPath;
  readonly key: AbsPath;
  readonly ca: AbsPath | undefined;
}

/** PEM texts. */
export interface ServedTls {
  readonly cert: string;
  readonly key: string;
  /** Callers have to show a certificate that one of these vouches for. */
  readonly ca: string | undefined;
}

export interface TlsSource {
  readonly first: ServedTls;
  /** @param use throws where they cannot be used; one for each port */
  onChange(use: (tls: ServedTls) => void): void;
  /** Reads the files again now. */
  reload(): void;
  stop(): void;
}

/** @throws {AegisError} `config/invalid`, `config/not-found` */
export function openTls(files: TlsFiles, notify: (notice: ServeNotice) => void): TlsSource {
  const first = readTls(files);
  let current = first;
  const uses: ((tls: ServedTls) => void)[] = [];
  const { cert, key, ca } = files;
  const watch = watchFiles([cert, key, ...(ca === undefined ? [] : [ca])], () => {
    try {
      const next = readTls(files);
      if (Bun.deepEquals(next, current)) return;
      for (const use of uses) use(next);
      current = next;
      notify({ level: "info", message: `the certificate "${cert}" was read again` });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notify({ level: "error", message: `${why}; the certificate before goes on` });
    }
  });
  return {
    first,
    onChange: (use) => void uses.push(use),
    reload: () => watch.look(),
    stop: () => watch.stop(),
  };
}

function readTls({ cert, key, ca }: TlsFiles): ServedTls {
  const tls = {
    cert: readSmallFile(cert),
    key: readSmallFile(key),
    ca: ca === undefined ? undefined : readSmallFile(ca),
  };
  const [own] = certificatesIn(cert, tls.cert);
  if (own?.checkPrivateKey(keyIn(key, tls.key)) !== true)
    throw unusable(key, `it is not the key of "${cert}"`);
  if (ca !== undefined && tls.ca !== undefined) certificatesIn(ca, tls.ca);
  return tls;
}

function certificatesIn(path: AbsPath, text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw unusable(path, "it holds no certificate");
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw unusable(path, "a certificate in it is damaged", cause);
  }
}

function keyIn(path: AbsPath, text: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw unusable(path, "it holds no private key without a password", cause);
  }
}

function unusable(path: AbsPath, why: string, cause?: unknown): AegisError {
  return new AegisError("config/invalid", `Cannot use "${path}" for TLS: ${why}`, { cause });
}
