// What the commands that ask a control plane share.

import type { ServerAccess, SessionName } from "../app/control-client.ts";
import { AegisError } from "../base/errors.ts";

export const serverFlags = {
  server: {
    kind: "text",
    value: "URL",
    default: "http://localhost:8080",
    summary: "The control plane to ask, or unix:PATH for one on a Unix socket",
  },
  "api-key-file": { kind: "text", value: "FILE", summary: "File that holds your API key" },
  "ca-file": { kind: "text", value: "FILE", summary: "Certificates that vouch for the server" },
  "cert-file": { kind: "text", value: "FILE", summary: "Your certificate, where one is wanted" },
  "key-file": { kind: "text", value: "FILE", summary: "The key of your certificate" },
} as const;

export const sessionFlags = {
  tenant: { kind: "text", value: "TENANT", summary: "The tenant" },
  "tenant-id": { kind: "text", value: "TENANT", summary: "Same as --tenant" },
  session: { kind: "text", value: "ID", summary: "The session" },
  "session-id": { kind: "text", value: "ID", summary: "Same as --session" },
} as const;

type Texts<Names extends string> = { readonly [K in Names]: string | undefined };

export function serverAccess(
  flags: Texts<"api-key-file" | "ca-file" | "cert-file" | "key-file"> & { readonly server: string },
): ServerAccess {
  return {
    server: flags.server,
    apiKeyFile: flags["api-key-file"],
    caFile: flags["ca-file"],
    certFile: flags["cert-file"],
    keyFile: flags["key-file"],
  };
}

/** @throws {AegisError} `usage` */
export function sessionNamed(flags: Texts<keyof typeof sessionFlags>): SessionName {
  return {
    tenant: oneOf("tenant", flags.tenant, flags["tenant-id"]),
    session: oneOf("session", flags.session, flags["session-id"]),
  };
}

function oneOf(name: string, one: string | undefined, other: string | undefined): string {
  if (one !== undefined && other !== undefined && one !== other) {
    throw new AegisError("usage", `Cannot use --${name} and --${name}-id at once: they differ`);
  }
  const value = one ?? other;
  if (value !== undefined) return value;
  throw new AegisError("usage", `Cannot ask about a session: --${name} is missing`);
}
