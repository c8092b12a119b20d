// What the program reads of its own texts without Cedar's engine is what the engine reads.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readPlainPolicy } from "../../../src/policy/cedar/plain.ts";
import { printCapabilities } from "../../../src/policy/cedar/print.ts";
import { splitPolicies } from "../../../src/policy/cedar/text.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { flagsToCapabilities } from "../../../src/policy/flags.ts";
import { profileNames, profileSource } from "../../../src/policy/profiles.ts";
import { repositoryRules } from "../../../src/policy/repository.ts";
import { templateSource, templates } from "../../../src/policy/templates.ts";
import { testCedar } from "../../support/cedar.ts";
import { repoRoot } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { cedarSource, compiled, layersOf, testPlaces } from "../../support/policies.ts";

const odd = 'a b/"q"\\\\/né/🙂/*/\n\u0007/$x';

function flagsText(): string {
  const context = {
    directory: "/ws",
    home: "/home/ada",
    // Only what is there is granted by a name with a star.
    realPath: (path: string) => (path.includes("*") ? path : undefined),
    findProgram: (name: string) => [`/bin/${name}`],
  };
  const flags = {
    read: ["/data", odd],
    write: ["out"],
    deny: ["*.pem", "/x", `${odd}*`],
    net: [
      "all",
      "example.com:443",
      ":80",
      "*.example.com",
      "10.0.0.0/8:22",
      "2001:db8::/32",
      "udp::53",
      "icmp:example.com",
      "localhost:5432",
      "unix:/run/x",
    ],
    denyNet: ["192.0.2.0/24", "udp:a.example:1"],
    listen: ["8080"],
    exec: ["git", "./to ol"],
  };
  const capabilities = flagsToCapabilities(flags, context);
  if (!capabilities.ok) throw new Error(JSON.stringify(capabilities.error));
  return printCapabilities(capabilities.value);
}

const own: readonly (readonly [string, string])[] = [
  ...[
    ...templates.map(templateSource),
    ...profileNames.map((name) => profileSource(name, "linux")),
    profileSource("base", "macos"),
    ...layersOf({ templates: ["workspace"] }).filter(({ name }) => name.startsWith("protected:")),
  ].map(({ name, text }) => [name, text] as const),
  ["flags", flagsText()],
  [
    "protected:git",
    repositoryRules({
      gitDirs: ["/ws/.git", `/ws/${odd}`],
      worktreeDirs: ["/ws/.git/worktrees/x"],
      redirects: ["/ws/.git"],
      linked: ["/main/.git"],
    }),
  ],
];

describe("a text of the program reads without the engine as with it", () => {
  for (const [name, text] of own) {
    test(name, () => {
      const cedar = testCedar();
      for (const policy of splitPolicies(text)) {
        const answer = cedar.policyToJson(policy.text);
        if (answer.type === "failure") throw new Error(JSON.stringify(answer.errors));
        expect(readPlainPolicy(policy.text)).toEqual(answer.json);
      }
    });
  }
});

test(
  "every form capabilities are printed in reads as the engine reads it",
  async () => {
    const folder = join(repoRoot, "conformance/lower");
    const cedar = testCedar();
    let policies = 0;
    for (const name of readdirSync(folder).filter((known) => !known.startsWith("refused-"))) {
      if (name === "manifest") continue;
      const text = readFileSync(join(folder, name, "policy.cedar"), "utf8");
      const { capabilities } = await compiled([cedarSource(text)]);
      for (const policy of splitPolicies(printCapabilities(capabilities))) {
        const answer = cedar.policyToJson(policy.text);
        if (answer.type === "failure") throw new Error(JSON.stringify(answer.errors));
        expect(readPlainPolicy(policy.text)).toEqual(answer.json);
        policies += 1;
      }
    }
    expect(policies).toBeGreaterThan(50);
  },
  testMs,
);

describe("what is not plain is left to the engine", () => {
  const rows: readonly string[] = [
    "permit(principal, action, resource)",
    "permit(principal, action, resource); permit(principal, action, resource);",
    "permit(principal, action, resource) unless { resource has host } when { resource has port };",
    "permit(principal is Aegis::Agent, action, resource);",
    "permit(principal == ?principal, action, resource);",
    "allow(principal, action, resource);",
    'permit(principal, action, resource) when { "a" == resource.path };',
    "permit(principal, action, resource) when { resource.port == -1 };",
    "permit(principal, action, resource) when { resource.port + 1 == 2 };",
    'permit(principal, action, resource) when { resource.path == "\\q" };',
    'permit(principal, action, resource) when { resource.path == "open };',
    '@why("x") permit(principal, action, resource);',
    "",
  ];
  for (const text of rows) {
    test(JSON.stringify(text), () => expect(readPlainPolicy(text)).toBeUndefined());
  }
});

describe("the engine is opened", () => {
  const opens = async (layers: Parameters<typeof layersOf>[0]): Promise<number> => {
    let opened = 0;
    const cedar = async () => {
      opened += 1;
      return testCedar();
    };
    const result = await compilePolicy({ cedar, sources: layersOf(layers), places: testPlaces });
    expect(result.ok).toBe(true);
    return opened;
  };
  test(
    "for no policy of the program",
    async () => {
      for (const { name } of templates) expect(await opens({ templates: [name] })).toBe(0);
    },
    testMs,
  );
  test("for a policy somebody wrote, whatever its name and however plain", async () => {
    const file = cedarSource("permit(principal, action, resource);", "profile:base");
    expect(await opens({ files: [file] })).toBe(1);
  });
});
