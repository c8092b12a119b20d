// A Rego policy compiled to WebAssembly, ours or somebody's own. It runs without any access to the
// machine; what it answers is checked, because a policy that answers nonsense allows nothing.

import { type LoadedPolicy, loadPolicy } from "@open-policy-agent/opa-wasm";
import { AegisError } from "../../base/errors.ts";
import type { JsonValue } from "../../model/event.ts";
import { type DecideInput, outcomes, type ToolDecision, undeclared } from "./decision.ts";

export interface RegoPolicy {
  /** Never throws: what fails or makes no sense is a denial. */
  evaluate(input: DecideInput): ToolDecision;
}

/** Entry point of our policy. */
export const decisionEntry = "aegis/decide/decision";

/** In pages of 64 KiB; the largest request is a few MiB of JSON. */
const memory: WebAssembly.MemoryDescriptor = { initial: 5, maximum: 1024 };

/**
 * @param data the bundle's `data.json`
 * @param wanted its entry point; absent: ours, else the only one there is
 * @throws {AegisError} `policy/invalid` when the module is no compiled policy
 */
export async function loadRego(
  wasm: Uint8Array,
  data: object = {},
  wanted?: string,
): Promise<RegoPolicy> {
  let policy: LoadedPolicy;
  try {
    policy = await loadPolicy(Uint8Array.from(wasm), memory);
    policy.setData(data);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AegisError("policy/invalid", `Cannot load the Rego policy: ${why}`, {
      hint: "build it with `opa build -t wasm -e aegis/decide/decision`",
      cause,
    });
  }
  const entry = entryOf(policy.entrypoints, wanted);
  return {
    evaluate(input) {
      try {
        return readDecision(policy.evaluate(input, entry));
      } catch {
        // ignored: the answer says that the policy failed, and denies
        return failed;
      }
    },
  };
}

/** A policy that answers nothing, or nonsense, allows nothing. */
export const failed: ToolDecision = { outcome: "deny", reason: "POLICY_ERROR", constraints: {} };

function entryOf(entries: unknown, wanted: string | undefined): string {
  const names = typeof entries === "object" && entries !== null ? Object.keys(entries) : [];
  const only = names.length === 1 ? names[0] : undefined;
  const entry = wanted ?? (names.includes(decisionEntry) ? decisionEntry : only);
  if (entry !== undefined && names.includes(entry)) return entry;
  const text = `it has no entry point "${wanted ?? decisionEntry}"`;
  throw new AegisError("policy/invalid", `Cannot load the Rego policy: ${text}`);
}

/** The result set of an evaluation: `[{ result }]`, empty when no rule said anything. */
function readDecision(results: unknown): ToolDecision {
  if (!Array.isArray(results)) return failed;
  if (results.length === 0) return undeclared;
  const { result } = results[0] as { result?: unknown };
  if (typeof result !== "object" || result === null) return failed;
  const { outcome, reason, constraints } = result as Partial<Record<string, unknown>>;
  const known = outcomes.find((name) => name === outcome);
  if (known === undefined || typeof reason !== "string") return failed;
  if (typeof constraints !== "object" || constraints === null || Array.isArray(constraints))
    return failed;
  return {
    outcome: known,
    reason,
    constraints: constraints as Readonly<Record<string, JsonValue>>,
  };
}
