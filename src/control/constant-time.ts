// Comparing secrets and what is made with one.

import { timingSafeEqual } from "node:crypto";

/** The time tells nothing about where they differ; lengths are no secret. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
