// The proxy over HTTP between a client and a server that a test plays over loopback.

import type { ServedKey } from "../../src/app/serve/keys.ts";
import { createSessionHandles } from "../../src/mcp/http/handles.ts";
import { startMcpServer } from "../../src/mcp/http/http-server.ts";
import { holderOf } from "../../src/mcp/http/scopes.ts";
import { httpUpstream } from "../../src/mcp/http/upstream.ts";
import { gateScene, result, session } from "./mcp-gate.ts";

type Handler = (
  request: Request,
  body: { readonly id: number; readonly method: string },
) => Promise<Response> | Response;

type Keys = readonly ServedKey[];

const ends: (() => Promise<void>)[] = [];
export async function endHttpScenes(): Promise<void> {
  for (const end of ends.splice(0)) await end();
}

export function httpScene(
  handler: Handler,
  permissions?: object,
  elsewhere?: string,
  keys: Keys = [],
  passedMethods: readonly string[] = [],
) {
  const known = gateScene(permissions, 0, passedMethods);
  const seen: { readonly headers: Headers; readonly text: string }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(incoming) {
      const text = await incoming.text();
      seen.push({ headers: incoming.headers, text });
      return handler(incoming, text === "" ? {} : JSON.parse(text));
    },
  });
  const { gate, log, nowMs, say, secret } = known;
  const proxy = startMcpServer({
    ...{ gate, log, nowMs, say, session },
    hostname: "127.0.0.1",
    port: 0,
    keys,
    handles: createSessionHandles(secret),
    tls: undefined,
    ...httpUpstream(new URL(elsewhere ?? `http://127.0.0.1:${server.port}/mcp`), "upstream-token"),
  });
  ends.push(async () => {
    await proxy.stop();
    await server.stop(true);
  });
  const url = `http://${proxy.host}/mcp`;
  const send = (body: object | string, headers: Record<string, string> = {}, init: object = {}) =>
    fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
    });
  return { ...known, seen, send, url };
}

/** What a client was given for a session that its server knows by this name. */
export function inSession(name: string, holder?: ServedKey) {
  const handles = createSessionHandles(new Uint8Array(32));
  return { "Mcp-Session-Id": handles.seal(name, holderOf(holder)) };
}

export const json = (value: object): Response => Response.json(value);
export const stream = (...texts: readonly string[]): Response => {
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      for (const text of texts) {
        controller.enqueue(new TextEncoder().encode(text));
        await Bun.sleep(1);
      }
      controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
};
export const event = (message: object, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`;

export const echoes: Handler = (_, { id }) => json(result(id, { content: [] }));
export const content = { content: [{ type: "text", text: "hi" }] };
