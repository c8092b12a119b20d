// Points in time as people read them: always UTC, so that two machines print the same ledger the
// same way.

/** `2026-03-01 09:05` */
export function shortTime(unixMs: number): string {
  return fullTime(unixMs).slice(0, 16);
}

/** `2026-03-01 09:05:07` */
export function fullTime(unixMs: number): string {
  return isoTime(unixMs).slice(0, 19).replace("T", " ");
}

/** `2026-03-01T09:05:07.123Z` */
export function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
