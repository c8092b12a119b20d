// What leaves the machine as telemetry is copied without secrets: members that are named like one
// lose their value, texts lose mail addresses, telephone numbers and long hexadecimal tokens. Pure.

import type { JsonValue } from "../../model/event.ts";

/** Compared in any case and without `-` and `_`. */
const secretNames: ReadonlySet<string> = new Set([
  "password",
  "passwd",
  "secret",
  "token",
  "apikey",
  "authorization",
  "auth",
  "credential",
  "credentials",
  "privatekey",
  "accesstoken",
  "refreshtoken",
  "sessiontoken",
  "clientsecret",
  "cookie",
  "ssn",
  "creditcard",
]);

const patterns: readonly (readonly [RegExp, string])[] = [
  [/[\w.%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}/g, "[EMAIL]"],
  [/\b(?:\+?1[ \t.-]?)?\(?\d{3}\)?[ \t.-]?\d{3}[ \t.-]?\d{4}\b/g, "[PHONE]"],
  [/\b[0-9A-Fa-f]{32,}\b/g, "[TOKEN]"],
];

/** A copy that may be sent away; arrays and objects are entered, whatever is inside. */
export function redact(value: JsonValue): JsonValue {
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, member]): [string, JsonValue] => {
    return [redactText(name), isSecretName(name) ? "[REDACTED]" : redact(member)];
  });
  return Object.fromEntries(entries);
}

export function redactText(text: string): string {
  return patterns.reduce((rest, [pattern, mark]) => rest.replace(pattern, mark), text);
}

function isSecretName(name: string): boolean {
  return secretNames.has(name.toLowerCase().replace(/[-_]/g, ""));
}
