// The words rules for system calls are made of: answers, and tests of one argument.

import { type Answer, anyBit, type CallRule } from "./filter.ts";

export const errnos = {
  EPERM: 1,
  EACCES: 13,
  ENOSYS: 38,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
} as const;

export const refused: Answer = { errno: errnos.EPERM };
export const denied: Answer = { errno: errnos.EACCES };
export const unknown: Answer = { errno: errnos.ENOSYS };
export const noFastOpen: Answer = { errno: errnos.EOPNOTSUPP };
export const noFamily: Answer = { errno: errnos.EAFNOSUPPORT };

export type ArgumentIndex = 0 | 1 | 2 | 3 | 4 | 5;

/** `rule` when the argument is one of `values`, else refused. */
export function only(
  argument: ArgumentIndex,
  values: readonly number[],
  rule: CallRule,
  otherwise: Answer = refused,
): CallRule {
  return { argument, mask: anyBit, cases: [{ values, rule }], otherwise };
}

/** Refused when the argument is one of `values`. */
export function except(
  argument: ArgumentIndex,
  values: readonly number[],
  otherwise: CallRule,
): CallRule {
  return { argument, mask: anyBit, cases: [{ values, rule: refused }], otherwise };
}

/** Not `rule` but `otherwise` when the argument has any of `bits`. */
export function unless(
  argument: ArgumentIndex,
  bits: number,
  rule: CallRule,
  otherwise: Answer = refused,
): CallRule {
  return { argument, mask: bits, cases: [{ values: [0], rule }], otherwise };
}

/** `rule` when a pointer argument is not null, else allowed. */
export function whenPointer(argument: ArgumentIndex, rule: CallRule): CallRule {
  const isNull = [{ values: [0], rule: "allow" as const }];
  const high: CallRule = { argument, half: "high", mask: anyBit, cases: isNull, otherwise: rule };
  return { argument, mask: anyBit, cases: [{ values: [0], rule: high }], otherwise: rule };
}
