// What planning cannot do, told so that a person finds the line and knows what to change.

import { AegisError } from "../../base/errors.ts";
import type { Origin } from "../../model/capability.ts";

export interface Finding {
  /** Undefined when no single rule is at fault. */
  readonly origin: Origin | undefined;
  /** What cannot be held, with the clause quoted. */
  readonly message: string;
  readonly hint: string;
  /** The kernel alone cannot hold it, but a broker that answers every open can; absent: neither. */
  readonly brokerHolds?: boolean;
  /** It is about running, which the broker judges but the kernel does; absent: it is not. */
  readonly isRunning?: boolean;
}

/** One error for all findings, in the order of the policy. */
export function inexpressible(findings: readonly Finding[]): AegisError {
  const [first] = findings;
  const lines = findings.map(({ origin, message }) => `${locate(origin)}${message}`);
  return new AegisError(
    "policy/inexpressible",
    `Cannot compile the policy for this kernel: ${lines.join("; ")}`,
    first === undefined ? {} : { hint: first.hint },
  );
}

function locate(origin: Origin | undefined): string {
  if (origin === undefined) return "";
  const place = origin.line > 0 ? `${origin.source}:${origin.line}` : origin.source;
  return `rule "${origin.rule}" (${place}): `;
}
