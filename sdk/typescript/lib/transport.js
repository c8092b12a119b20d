// How requests reach the control plane: fetch, with keys, timeouts, and another try where that is
// safe. What the operations are is in client.ts, which is generated.
/** An answer that refuses. */
export class AegisError extends Error {
  status;
  code;
  body;
  retryAfterMs;
  name = "AegisError";
  constructor(
    status,
    /** Stable; empty where something else than the server answered. */
    code,
    message,
    /** All of it, e.g. `expected_seq`. */
    body,
    /** As the server asked for, milliseconds. */
    retryAfterMs,
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.body = body;
    this.retryAfterMs = retryAfterMs;
  }
}
const pauseFirstMs = 100;
export function createTransport(options = {}) {
  const { retriesMax = 3, pauseMaxMs = 10_000, timeoutMs = 30_000 } = options;
  async function answered(request, { signal }) {
    for (let tries = 0; ; tries++) {
      signal?.throwIfAborted();
      const failure = await once(options, request, timed(signal, timeoutMs));
      if (failure instanceof Response) return failure;
      signal?.throwIfAborted();
      const pause = pauseBefore(failure, tries);
      const mayRepeat = request.isRepeatable || isUntaken(failure);
      if (!mayRepeat || tries >= retriesMax || pause > pauseMaxMs) throw failure;
      await sleep(pause, signal);
    }
  }
  return {
    json: async (request, given = {}) => await (await answered(request, given)).json(),
    lines: async (request, given = {}) => {
      const text = await (await answered(request, given)).text();
      const lines = text.split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line));
    },
    async *events(request, given = {}) {
      const { signal } = given;
      const isLeft = () => signal?.aborted === true;
      let last;
      for (let tries = 0; !isLeft(); ) {
        const failure = await once(options, request, signal, last);
        if (!(failure instanceof Response)) {
          if (isLeft()) return;
          if (!isPassing(failure) || tries >= retriesMax) throw failure;
        } else {
          tries = 0;
          for await (const { id, data } of messagesOf(failure, signal)) {
            last = id ?? last;
            yield JSON.parse(data);
          }
        }
        // The connection broke: on from the last event that came.
        await sleep(pauseBefore(failure, tries++), signal).catch(() => undefined);
      }
    },
  };
}
/** The answer, or why there is none. */
async function once(
  { baseUrl = "http://localhost:8080", apiKey, fetch: send = fetch },
  request,
  signal,
  lastEventId,
) {
  const headers = new Headers({ Accept: request.accept });
  if (apiKey !== undefined) headers.set("Authorization", `Bearer ${apiKey}`);
  if (request.idempotencyKey !== undefined) headers.set("Idempotency-Key", request.idempotencyKey);
  if (lastEventId !== undefined) headers.set("Last-Event-ID", lastEventId);
  const init = { method: request.method, headers, redirect: "error" };
  if (signal !== undefined) init.signal = signal;
  if (request.body !== undefined) {
    headers.set("Content-Type", request.isLines ? "application/x-ndjson" : "application/json");
    init.body = textOf(request);
  }
  try {
    const response = await send(`${baseUrl.replace(/\/+$/, "")}${targetOf(request)}`, init);
    return response.ok ? response : await refusalOf(response);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
function textOf({ body, isLines = false }) {
  if (!isLines || !Array.isArray(body)) return JSON.stringify(body);
  return body.map((line) => JSON.stringify(line)).join("\n");
}
function targetOf({ path, parameters = {} }) {
  const query = new URLSearchParams();
  let filled = path;
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    const part = `{${name}}`;
    if (path.includes(part)) filled = filled.replace(part, encodeURIComponent(value));
    else query.set(name, String(value));
  }
  return query.size === 0 ? filled : `${filled}?${query}`;
}
async function refusalOf(response) {
  const text = await response.text();
  const body = parsed(text);
  const { error, code } = body ?? {};
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return new AegisError(
    response.status,
    typeof code === "string" ? code : "",
    typeof error === "string" ? error : `HTTP ${response.status}`,
    body,
    Number.isFinite(seconds) ? seconds * 1000 : undefined,
  );
}
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    // ignored: something in between answered; its words are the body then
    return text;
  }
}
/** The server's own, and those of a proxy before it while it is replaced. */
const passing = new Set([429, 502, 503, 504]);
/** It may be otherwise at the next try. */
function isPassing(failure) {
  return !(failure instanceof AegisError) || passing.has(failure.status);
}
/** Nothing of it was done, whatever it is. */
function isUntaken(failure) {
  return failure instanceof AegisError && failure.status === 429;
}
/** Infinite where another try is pointless. */
function pauseBefore(failure, tries) {
  if (failure instanceof Error && !isPassing(failure)) return Number.POSITIVE_INFINITY;
  const asked = failure instanceof AegisError ? failure.retryAfterMs : undefined;
  // Clients that failed together do not come back together.
  return asked ?? pauseFirstMs * 2 ** tries * (0.5 + Math.random() / 2);
}
function timed(signal, timeoutMs) {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      if (signal?.aborted === true) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
/** Ends when the connection does, however it ends. */
async function* messagesOf(response, signal) {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const message = messageOf(part);
        if (message !== undefined) yield message;
      }
    }
  } catch (error) {
    // ignored: a connection that broke is taken up again, and one that was aborted is over
    if (!(error instanceof Error) && signal?.aborted !== true) throw error;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
function messageOf(part) {
  const lines = part.split("\n").map((line) => /^(id|data): ?(.*)$/.exec(line));
  const of = (name) => lines.filter((line) => line?.[1] === name).map((line) => line?.[2]);
  const data = of("data");
  return data.length === 0 ? undefined : { id: of("id")[0], data: data.join("\n") };
}
