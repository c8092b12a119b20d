// Clients of the protocol as it is since 2026-07-28, by the SDK of that version, and its server.

import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { repoRoot } from "./harness.ts";

export const modernVersion = "2026-07-28";
export const modernProgram = join(repoRoot, "test/fixtures/mcp/modern.ts");

/** Answers what a server asks its user. */
export function modernClient(mode: "auto" | "pinned" = "pinned"): Client {
  const negotiated = mode === "auto" ? mode : { pin: modernVersion };
  const client = new Client(
    { name: "test", version: "1.0.0" },
    { capabilities: { elicitation: {} }, versionNegotiation: { mode: negotiated } },
  );
  client.setRequestHandler("elicitation/create", () => {
    return { action: "accept" as const, content: { name: "Ada" } };
  });
  return client;
}

/** @returns the client, once it is connected over HTTP */
export async function connectModern(url: string, client = modernClient()): Promise<Client> {
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}
