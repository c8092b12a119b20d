// An example as a command line of curl, to be read and to be run.

import type { JsonValue } from "../model/event.ts";
import { type Example, ndjson, type Operation } from "./api/operation.ts";

/** @param server such as `http://localhost:8080` */
export function curlOf(operation: Operation, example: Example, server: string): string {
  const url = `${server}${targetOf(operation, example)}`;
  const parts = [url.includes("?") ? quoted(url) : url];
  if (operation.path.endsWith("/stream")) parts.unshift("--no-buffer");
  for (const [name, value] of Object.entries(example.headers ?? {})) {
    parts.push(`--header ${quoted(`${name}: ${value}`)}`);
  }
  if (example.body !== undefined) {
    const isLines = operation.body?.type === ndjson;
    const text = isLines ? bodyText(operation, example) : prettyJson(example.body);
    parts.push(`${isLines ? "--data-binary" : "--json"} ${quoted(text)}`);
  }
  const line = `curl ${parts.join(" ")}`;
  return line.length <= lineMax ? line : `curl ${parts.join(" \\\n  ")}`;
}

const lineMax = 80;

/** Members stand in one line where they fit. */
export function prettyJson(value: JsonValue, indent = ""): string {
  const short = JSON.stringify(value);
  if (typeof value !== "object" || value === null || indent.length + short.length <= lineMax - 12) {
    return spaced(value);
  }
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const members = isList
    ? value.map((item: JsonValue) => prettyJson(item, inner))
    : Object.entries(value).map(
        ([name, item]) => `${JSON.stringify(name)}: ${prettyJson(item, inner)}`,
      );
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${members.map((one) => inner + one).join(",\n")}\n${indent}${close}`;
}

function spaced(value: JsonValue): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  const members = Object.entries(value).map(
    ([name, item]) => `${JSON.stringify(name)}: ${spaced(item)}`,
  );
  return `{${members.join(", ")}}`;
}

/** Path and query. */
export function targetOf({ path }: Operation, { params = {}, query = {} }: Example): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ""),
  );
  const given = Object.entries(query).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  return given.length === 0 ? filled : `${filled}?${new URLSearchParams(given)}`;
}

/** What is sent. */
export function bodyText({ body }: Operation, { body: value }: Example): string {
  if (body?.type !== ndjson || !Array.isArray(value)) return JSON.stringify(value);
  return value.map((line) => JSON.stringify(line)).join("\n");
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
