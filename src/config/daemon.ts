// The keys of aegis.yaml, the file of a control plane. A key that is not known ends the start: an
// ignored one is a protection somebody believes in. What the keys lead to is decided in app/.

import { AegisError } from "../base/errors.ts";
import {
  type Decoder,
  defaulted,
  flag,
  integer,
  isTable,
  list,
  note,
  optional,
  type Problem,
  table,
  text,
} from "./decode.ts";

export const trustModes = ["dev", "prod"] as const;
export const logLevels = ["debug", "info", "warn", "error"] as const;
export const logFormats = ["text", "json"] as const;
/** Calls of one tool by one tenant, in a minute. */
export const rateLimitMax = 1_000_000;
/** How long a tool call may wait for a person, seconds: a week is a long holiday. */
export const approvalTtlMax = 7 * 24 * 3600;
/** How long an approval is kept afterwards, days. */
export const approvalKeepMax = 3650;
export const approvalKeepUsual = 30;
/** The largest number that a group can have. */
export const groupMax = 0xffff_fffe;

/** Empty texts mean that nothing was said. */
function choice<const W extends string>(words: readonly W[]): Decoder<W | ""> {
  return (value, at, problems) =>
    value === "" ? "" : (words.find((word) => word === value) ?? wrong(words, at, problems));
}

function wrong(words: readonly string[], at: Problem["path"], problems: Problem[]): undefined {
  return note(problems, at, `must be one of ${words.join(", ")}`);
}

const path = defaulted(text, "");

const daemonFile = table({
  dsn: path,
  addr: path,
  hosts: defaulted(list(text), []),
  listen: path,
  listen_group: optional(integer(0, groupMax)),
  peers: path,
  manifest: path,
  mcp_addr: path,
  mcp_upstream: path,
  mcp_methods: defaulted(list(text), []),
  keys: path,
  payload_keys: path,
  bundle: path,
  bundle_key: path,
  bundle_scope: path,
  trust_mode: defaulted(choice(trustModes), ""),
  trust: path,
  approval_ttl: optional(integer(1, approvalTtlMax)),
  approval_by_requester: optional(flag),
  approval_keep: optional(integer(0, approvalKeepMax)),
  rate_limit: optional(integer(0, rateLimitMax)),
  approval_webhook: optional(table({ url: path, secret_file: path })),
  telemetry: optional(table({ disabled: optional(flag), path })),
  tls: optional(table({ enabled: optional(flag), cert_file: path, key_file: path, ca_file: path })),
  log: optional(
    table({
      level: defaulted(choice(logLevels), ""),
      format: defaulted(choice(logFormats), ""),
    }),
  ),
});

export type DaemonFile = NonNullable<ReturnType<typeof daemonFile>>;

/** @throws {AegisError} `config/invalid` naming the keys */
export function readDaemonFile(source: string, content: string): DaemonFile {
  let value: unknown;
  try {
    value = Bun.YAML.parse(content);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AegisError("config/invalid", `config: parse "${source}": ${why}`, { cause });
  }
  const problems: Problem[] = repeatedKeys(content).map((key) => ({
    path: [key],
    message: "is given twice",
  }));
  const decoded = daemonFile(withoutNulls(value) ?? {}, [], problems);
  if (decoded !== undefined && problems.length === 0) return decoded;
  const lines = problems.map(({ path: at, message }) => `${at.join(".") || "the file"} ${message}`);
  throw new AegisError("config/invalid", `config: invalid "${source}": ${lines.join("; ")}`, {
    hint: "correct or remove the named keys",
  });
}

/** `key:` without a value is as good as absent. */
function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined;
  if (!isTable(value)) return value;
  const present = Object.entries(value).map(
    ([key, member]) => [key, withoutNulls(member)] as const,
  );
  return Object.fromEntries(present.filter(([, member]) => member !== undefined));
}

/** The parser lets the last one win; a person may believe in the first. */
function repeatedKeys(content: string): readonly string[] {
  const seen = new Set<string>();
  const repeated: string[] = [...repeatedInBraces(content)];
  let section = "";
  for (const line of content.split("\n")) {
    const [, indent = "", name = ""] = keyInLine.exec(line) ?? keyAsked.exec(line) ?? [];
    if (name === "") continue;
    if (indent === "") section = name;
    const key = indent === "" ? name : `${section}.${name}`;
    if (seen.has(key)) repeated.push(key);
    seen.add(key);
  }
  return repeated;
}

const keyInLine = /^(\s*)["']?([\w.-]+)["']?\s*:(?:\s|$)/;
/** `? key`, with the value in the next line. */
const keyAsked = /^(\s*)\?\s+["']?([\w.-]+)["']?\s*$/;
const innermostBraces = /(?:([\w.-]{1,64})["']?\s{0,9}:\s{0,9})?\{([^{}]*)\}/;
const quotedValue = /"[^"\n]*"(?!\s*:)|'[^'\n]*'(?!\s*:)/g;
const keyInBraces = /(?:^|,)\s*["']?([\w.-]+)["']?\s*:/g;

/** Of what is written as `{key: value, …}`, from the inside outwards. */
function repeatedInBraces(content: string): readonly string[] {
  const repeated: string[] = [];
  let rest = content.replace(quotedValue, "_");
  for (let found = innermostBraces.exec(rest); found; found = innermostBraces.exec(rest)) {
    const [whole, section = "", inside = ""] = found;
    const seen = new Set<string>();
    for (const [, name = ""] of inside.matchAll(keyInBraces)) {
      if (seen.has(name)) repeated.push(section === "" ? name : `${section}.${name}`);
      seen.add(name);
    }
    const read = section === "" ? "_" : `${section}: _`;
    const end = found.index + whole.length;
    rest = `${rest.slice(0, found.index)}${read}${rest.slice(end)}`;
  }
  return repeated;
}
