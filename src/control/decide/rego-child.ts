// The process that evaluates a tool policy of somebody's own: it may loop or break, and is killed
// for that by the server that started it. It is told the policy and its questions by messages,
// and has no files, no environment and no network to do with.

import { AegisError } from "../../base/errors.ts";
import { openLibrary } from "../../bridge/library.ts";
import type { DecideInput, ToolDecision } from "./decision.ts";
import { loadRego, type RegoPolicy } from "./rego.ts";

/** First message. */
export interface RegoLoad {
  readonly wasm: string;
  readonly data: object;
  readonly entry: string | undefined;
}

export type RegoLoaded = { readonly error: string } | { readonly isReady: true };

export interface RegoQuestion {
  readonly id: number;
  readonly input: DecideInput;
}

export interface RegoAnswer {
  readonly id: number;
  readonly decision: ToolDecision;
}

/** Serves until the server is gone. */
export async function runRegoChild(): Promise<void> {
  endWithParent();
  const send = (message: RegoLoaded | RegoAnswer): void => {
    process.send?.(message);
  };
  let policy: RegoPolicy | undefined;
  process.on("message", async (message: RegoLoad | RegoQuestion) => {
    if ("wasm" in message) {
      try {
        policy = await loadRego(Uint8Array.fromBase64(message.wasm), message.data, message.entry);
        send({ isReady: true });
      } catch (error) {
        send({ error: error instanceof AegisError ? error.message : String(error) });
      }
    } else if (policy !== undefined) {
      send({ id: message.id, decision: policy.evaluate(message.input) });
    }
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  process.on("disconnect", resolve);
  await promise;
}

const setParentDeathSignal = 1;
const sigkill = 9;

/** A policy in an endless loop does not hear that its server is gone; the kernel does. */
function endWithParent(): void {
  const functions = { prctl: { args: ["i32", "u64"], returns: "i32" } } as const;
  // Elsewhere than on Linux there is no such signal.
  openLibrary(functions)?.prctl(setParentDeathSignal, sigkill);
}
