// The keys of aegis.toml. Both documented spellings of a key are read; a key that is neither ends
// the command, because an ignored key is a protection somebody believes in. Sections for commands
// this build does not have are checked, then named in `unused`, never silently dropped.

import {
  isLimitName,
  type LimitWish,
  limitExamples,
  limitNames,
  parseLimit,
} from "../model/limits.ts";
import {
  type Decoder,
  defaulted,
  flag,
  integer,
  isTable,
  list,
  note,
  optional,
  required,
  table,
  text,
  word,
} from "./decode.ts";

/**
 * - `kernel`: the platform's own enforcement, whichever of the names it is written by.
 * - `process` and `none`: recorded, not confined.
 */
export type Isolation = "kernel" | "process" | "none";

/** A host a configuration grants. `port` undefined: every port. */
export interface NetworkRule {
  readonly host: string;
  readonly port: number | undefined;
  readonly protocol: "Tcp" | "Udp" | "Http" | "Https";
}

export interface Observer {
  readonly kind: "fs-events" | "endpoint-security" | "none";
  readonly snapshots: boolean;
}

/** The file as written: paths may begin with `~/`. */
export interface ConfigFile {
  readonly name: string;
  readonly sandboxDir: string;
  readonly policyPaths: readonly string[];
  readonly schemaPath: string | undefined;
  readonly ledgerPath: string;
  readonly allowedNetwork: readonly NetworkRule[];
  readonly isolation: Isolation;
  readonly observer: Observer;
  readonly limits: readonly LimitWish[];
  /** Sections that are valid but that no command of this build acts on. */
  readonly unused: readonly string[];
}

const isolationWords = ["Kernel", "Seatbelt", "Landlock", "Process", "None"] as const;

const isolation: Decoder<Isolation> = (value, at, problems) => {
  if (!isTable(value)) {
    const written = word(isolationWords)(value, at, problems);
    if (written === "Process") return "process";
    if (written === "None") return "none";
    return written === undefined ? undefined : "kernel";
  }
  const found = table({ Seatbelt: required(table({ profile_overrides: optional(text) })) })(
    value,
    at,
    problems,
  );
  if (found?.Seatbelt?.profile_overrides !== undefined) {
    const where = [...at, "Seatbelt", "profile_overrides"];
    return note(problems, where, "is not supported: write the rule as a Cedar policy instead");
  }
  return "kernel";
};

const observerWords = ["FsEvents", "EndpointSecurity", "None"] as const;

const observer: Decoder<Observer> = (value, at, problems) => {
  if (isTable(value)) {
    const fsEvents = table({ enable_snapshots: defaulted(flag, true) });
    const found = table({ FsEvents: required(fsEvents) })(value, at, problems);
    return { kind: "fs-events", snapshots: found?.FsEvents?.enable_snapshots ?? true };
  }
  const written = word(observerWords)(value, at, problems);
  if (written === "None") return { kind: "none", snapshots: false };
  if (written === "EndpointSecurity") return { kind: "endpoint-security", snapshots: false };
  return { kind: "fs-events", snapshots: true };
};

const networkRule = table({
  host: required(text),
  port: optional(integer(1, 65_535)),
  protocol: defaulted(word(["Tcp", "Udp", "Http", "Https"]), "Tcp"),
});

const decision = word(["Allow", "Deny"]);
const alert = table({
  name: required(text),
  webhook_url: required(text),
  decision: optional(decision),
  event: optional(decision),
  action_kinds: defaulted(list(text), []),
  path_glob: optional(text),
  principal: optional(text),
  cooldown_secs: defaulted(integer(0, 86_400), 60),
});

const adapterWords = ["ClaudeCode", "Codex", "Passthrough", "Auto"] as const;
const genericAdapter = table({
  Generic: required(
    table({
      patterns: required(
        list(
          table({
            regex: required(text),
            approve: defaulted(text, "y"),
            deny: defaulted(text, "n"),
          }),
        ),
      ),
    }),
  ),
});

const pilot = table({
  adapter: optional((value, at, problems) =>
    isTable(value) ? genericAdapter(value, at, problems) : word(adapterWords)(value, at, problems),
  ),
  stall: optional(
    table({
      timeout_secs: defaulted(integer(1, 86_400), 120),
      max_nudges: defaulted(integer(0, 1000), 5),
      nudge_message: defaulted(text, "continue"),
    }),
  ),
  control: optional(
    table({
      http_listen: defaulted(text, ""),
      api_key: defaulted(text, ""),
      poll_endpoint: defaulted(text, ""),
      poll_interval_secs: defaulted(integer(1, 86_400), 5),
    }),
  ),
  output_buffer_lines: defaulted(integer(1, 1_000_000), 200),
  uncertain_action: defaulted(word(["Deny", "Allow", "Alert"]), "Deny"),
});

const chatIdMax = Number.MAX_SAFE_INTEGER;
const channel = table({
  type: required(word(["telegram"])),
  bot_token: required(text),
  chat_id: required(integer(-chatIdMax, chatIdMax)),
  poll_timeout_secs: defaulted(integer(1, 600), 30),
  allow_group_commands: defaulted(flag, false),
});

const usageProxy = table({
  enabled: defaulted(flag, true),
  port: defaulted(integer(0, 65_535), 0),
});

/** `[limits]`, by the names of `--limit` or with `_` for `-`; numbers stand for themselves. */
const limits: Decoder<readonly LimitWish[]> = (value, at, problems) => {
  if (!isTable(value)) return note(problems, at, "must be a table");
  return Object.entries(value).flatMap(([key, written]): readonly LimitWish[] => {
    const name = key.replaceAll("_", "-");
    const where = [...at, key];
    if (!isLimitName(name)) {
      note(problems, where, `is no limit; there are ${limitNames.join(", ")}`);
      return [];
    }
    if (written === "none") return [{ name, value: undefined, source: "[limits]" }];
    const parsed = parseLimit(name, String(written));
    if (parsed !== undefined) return [{ name, value: parsed, source: "[limits]" }];
    note(problems, where, `must be "none" or a value like ${limitExamples(name)}`);
    return [];
  });
};

const file = table({
  name: required(text),
  sandbox_dir: required(text),
  policy_paths: required(list(text)),
  schema_path: optional(text),
  ledger_path: required(text),
  allowed_network: defaulted(list(networkRule), []),
  isolation: defaulted<Isolation>(isolation, "kernel"),
  observer: defaulted<Observer>(observer, { kind: "fs-events", snapshots: true }),
  alerts: optional(list(alert)),
  pilot: optional(pilot),
  channel: optional(channel),
  usage_proxy: optional(usageProxy),
  limits: defaulted(limits, []),
});

const laterSections = ["alerts", "pilot", "channel", "usage_proxy"] as const;

export const decodeConfigFile: Decoder<ConfigFile> = (value, at, problems) => {
  const read = file(value, at, problems);
  if (read === undefined) return undefined;
  if (read.policy_paths?.length === 0)
    return note(problems, [...at, "policy_paths"], "must name at least one folder");
  return {
    name: read.name,
    sandboxDir: read.sandbox_dir,
    policyPaths: read.policy_paths,
    schemaPath: read.schema_path,
    ledgerPath: read.ledger_path,
    allowedNetwork: read.allowed_network,
    isolation: read.isolation,
    observer: read.observer,
    limits: read.limits ?? [],
    unused: laterSections.filter((section) => read[section] !== undefined),
  };
};
