// The server behind the proxy as its HTTP front sees it: whoever answers a request with a response.
// Over HTTP that is one address, never another. Answers are bounded where they are read whole.

import { AegisError } from "../../base/errors.ts";
import { errorText } from "../message.ts";
import { rpcCodes } from "../refusal.ts";
import { answerHeaders, upstreamHeaders } from "./headers.ts";

/** A client's request on its way to the server. */
export interface ServerRequest {
  readonly method: "POST" | "GET" | "DELETE";
  readonly headers: Headers;
  /** One message; undefined for anything but POST. */
  readonly body: string | undefined;
  /** Whose request it is: whatever the server keeps for one is not for another. */
  readonly holder: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface Upstream {
  /** @throws where the server cannot be reached, or wants to be looked for elsewhere */
  readonly ask: (request: ServerRequest) => Promise<Response>;
  /** A client that lost its stream may find the rest of it later. */
  readonly keepsStreams: boolean;
}

/** @throws {AegisError} `usage` */
export function upstreamAddress(text: string): URL {
  const url = URL.parse(text);
  const isPlain = url !== null && url.username === "" && url.password === "";
  if (isPlain && /^https?:$/.test(url.protocol)) return url;
  throw new AegisError("usage", `Cannot use "${text}" as an MCP server: it is no http address`, {
    hint: "for instance http://127.0.0.1:3000/mcp",
  });
}

/**
 * An answer that is no message, such as a refusal of the whole request. Its text would reach the
 * client without a decision, a record and a taint, so that only its status and headers do.
 */
export async function plainAnswer(response: Response): Promise<Response> {
  const { status } = response;
  const headers = answerHeaders(response.headers);
  await response.body?.cancel();
  if (response.ok) return new Response(null, { status, headers });
  headers.set("Content-Type", "application/json");
  const why = `upstream error: it answered ${status}, and its words are not passed on`;
  return new Response(errorText(null, rpcCodes.internal, why), { status, headers });
}

/** @param token shown to the server; a client's own credentials never are */
export function httpUpstream(address: URL, token: string | undefined): Upstream {
  return {
    keepsStreams: true,
    async ask({ method, headers, body, signal }) {
      const passed = upstreamHeaders(headers, token);
      if (body !== undefined) passed.set("Content-Type", "application/json");
      const response = await fetch(address, {
        method,
        headers: passed,
        redirect: "manual",
        signal,
        ...(body === undefined ? {} : { body }),
        ...untimed,
      });
      if (response.status < 300 || response.status >= 400) return response;
      await response.body?.cancel();
      throw new Error(`it answered ${response.status} and wants to be looked for elsewhere`);
    },
  };
}

/** Streams may be silent for as long as they like; calls have a time of their own. */
const untimed: object = { timeout: false };

export const streamType = "text/event-stream";

export function isStream(response: Response): boolean {
  return /^text\/event-stream\b/i.test(response.headers.get("Content-Type") ?? "");
}

export async function boundedText(response: Response, sizeMax: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > sizeMax) throw new Error(`its answer has over ${sizeMax} bytes`);
    pieces.push(piece);
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return decoder.decode(Buffer.concat(pieces));
}
