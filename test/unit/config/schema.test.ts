import { describe, expect, test } from "bun:test";
import { AegisError } from "../../../src/base/errors.ts";
import { entryOf, parseConfig } from "../../../src/config/config.ts";
import { aegisPaths } from "../../../src/config/location.ts";

const environment = { HOME: "/home/me" };
const entry = entryOf(aegisPaths(environment), "my-agent", "init");

const minimal = `name = "my-agent"
sandbox_dir = "/work/project"
policy_paths = ["/home/me/.aegis/my-agent/policies"]
ledger_path = "/home/me/.aegis/my-agent/audit.db"
`;

const alert = '[[alerts]]\nname = "a"\nwebhook_url = "u"\n';

/** The example of the user's manual, with every section it shows. */
const documented = `name = "my-agent"
sandbox_dir = "/Users/me/.aegis/my-agent/sandbox"
policy_paths = ["/Users/me/.aegis/my-agent/policies"]
ledger_path = "/Users/me/.aegis/my-agent/audit.db"
allowed_network = []

[isolation]
Seatbelt = { profile_overrides = null }

[observer]
FsEvents = { enable_snapshots = true }

[pilot]
[pilot.stall]
timeout_secs = 120
nudge_message = "null = null # not a comment"
max_nudges = 5

[pilot.control]
http_listen = ""
api_key = ""               # e.g. x = null

[[alerts]]
name = "deny-alert"
event = "deny"
webhook_url = "https://hooks.example/services/..."

[channel]
type = "telegram"
bot_token = "123456:ABC-DEF..."
chat_id = 987654321
`;

function failure(content: string): string {
  try {
    parseConfig(entry, content, environment);
  } catch (error) {
    if (error instanceof AegisError) return error.message;
    throw error;
  }
  return "no failure";
}

describe("parseConfig()", () => {
  test("reads the documented example, whose null is not TOML", () => {
    const { paths, ...config } = parseConfig(entry, documented, environment);
    expect(paths).toEqual(entry.paths);
    const expected: Record<keyof typeof config, unknown> = {
      name: "my-agent",
      kind: "init",
      agent: "my-agent",
      sandbox: "/Users/me/.aegis/my-agent/sandbox",
      policyPaths: ["/Users/me/.aegis/my-agent/policies"],
      schemaPath: undefined,
      ledger: "/Users/me/.aegis/my-agent/audit.db",
      allowedNetwork: [],
      isolation: "kernel",
      observer: { kind: "fs-events", snapshots: true },
      limits: [],
      unused: ["alerts", "pilot", "channel"],
    };
    expect<unknown>(config).toEqual(expected);
  });

  const isolations = [
    { written: 'isolation = "Seatbelt"', isolation: "kernel" },
    { written: "isolation = { Seatbelt = {} }", isolation: "kernel" },
    { written: 'isolation = "landlock"', isolation: "kernel" },
    { written: 'isolation = "Kernel"', isolation: "kernel" },
    { written: 'isolation = "Process"', isolation: "process" },
    { written: 'isolation = "None"', isolation: "none" },
    { written: "", isolation: "kernel" },
  ] as const;
  for (const { written, isolation } of isolations) {
    test(`reads ${written === "" ? "no isolation" : written} as ${isolation}`, () => {
      expect(parseConfig(entry, minimal + written, environment).isolation).toBe(isolation);
    });
  }

  test("expands ~/ and nothing else in a path", () => {
    const config = parseConfig(entry, minimal.replace("/work/project", "~/project"), environment);
    expect(config.sandbox as string).toBe("/home/me/project");
    expect(failure(minimal.replace("/work/project", "~other/project"))).toContain(
      'sandbox_dir = "~other/project"',
    );
  });

  test("reads a network rule and refuses one without a host", () => {
    const rule = '[[allowed_network]]\nhost = "example.org"\nport = 443\nprotocol = "Https"\n';
    expect(parseConfig(entry, minimal + rule, environment).allowedNetwork).toEqual([
      { host: "example.org", port: 443, protocol: "Https" },
    ]);
    expect(failure(`${minimal}[[allowed_network]]\nport = 443\n`)).toContain(
      '5:1: "allowed_network[0].host" is missing',
    );
  });

  const wrong = [
    {
      name: "an unknown key, with its line and the nearest known one",
      content: `${minimal}sandbox_dri = "/x"\n`,
      says: 'aegis.toml:5:1: "sandbox_dri" is not a known key (did you mean "sandbox_dir"?)',
    },
    {
      name: "an unknown key inside the second of two tables",
      content: `${minimal}${alert}${alert}  evnt = "deny"\n`,
      says: 'aegis.toml:11:3: "alerts[1].evnt" is not a known key (did you mean "event"?)',
    },
    {
      name: "a value of the wrong kind",
      content: minimal.replace('"/work/project"', "3"),
      says: 'aegis.toml:2:1: "sandbox_dir" must be a text',
    },
    { name: "no policy folder", content: minimal.replace(/\[".*"\]/, "[]"), says: "policy_paths" },
    {
      name: "an override of the macOS profile, which is not applied",
      content: `${minimal}isolation = { Seatbelt = { profile_overrides = "/x.sb" } }\n`,
      says: "is not supported",
    },
    {
      name: "an isolation nobody knows",
      content: `${minimal}isolation = "Jail"\n`,
      says: "Kernel",
    },
    {
      name: "an agent name that is a path",
      content: minimal.replace("my-agent", "../x"),
      says: "invalid config name",
    },
    { name: "text that is not TOML", content: `${minimal}a = [1,\n`, says: "aegis.toml:5:" },
    {
      name: "a missing key",
      content: minimal.replace(/ledger_path.*\n/, ""),
      says: '"ledger_path" is missing',
    },
  ];
  for (const { name, content, says } of wrong) {
    test(`refuses ${name}`, () => {
      expect(failure(content)).toContain(says);
    });
  }

  test("reports every problem at once", () => {
    const message = failure("name = 1\nfoo = 2\n");
    for (const key of ["name", "foo", "sandbox_dir", "policy_paths", "ledger_path"])
      expect(message).toContain(`"${key}"`);
  });
});
