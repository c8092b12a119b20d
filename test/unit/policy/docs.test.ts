// The examples of docs/policy.md do what the page says of them.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { prepareDecider } from "../../../src/policy/decide.ts";
import { type FlagContext, flagsToCapabilities } from "../../../src/policy/flags.ts";
import { repoRoot } from "../../support/harness.ts";
import { attemptOf, cedarSource, compiled, deciderOf } from "../../support/policies.ts";

const page = readFileSync(join(repoRoot, "docs/policy.md"), "utf8");
const none = { read: [], write: [], deny: [], net: [], denyNet: [], listen: [], exec: [] };
const context: FlagContext = {
  directory: "/ws",
  home: "/home/ada",
  realPath: () => undefined,
  findProgram: () => [],
};

function blocks(language: string, text = page): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return [...text.matchAll(fence)].map(([, block = ""]) => block);
}

describe("every policy that the documentation shows compiles", () => {
  const pages = [
    "README.md",
    "policies/README.md",
    ...new Bun.Glob("docs/**/*.md").scanSync(repoRoot),
  ];
  const shown = pages.sort().flatMap((name) => {
    const text = readFileSync(join(repoRoot, name), "utf8");
    return blocks("cedar", text).map((block, at) => [`${name}, ${at + 1}`, block] as const);
  });
  test("there are some", () => expect(shown.length).toBeGreaterThan(3));
  test.each(shown)("%s", async (_, text) => {
    expect((await compiled([cedarSource(text)])).capabilities.capabilities).not.toEqual([]);
  });
});

function words(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

function deciderOfFlags(flags: Partial<typeof none> | Record<string, readonly string[]>) {
  const lowered = flagsToCapabilities({ ...none, ...flags }, context);
  if (!lowered.ok) throw new Error(JSON.stringify(lowered.error));
  return prepareDecider(lowered.value);
}

const rows = [...page.matchAll(/^\| `(.+)` \| (`.*) \| (`.*) \|$/gm)].map(
  ([, word = "", held = "", other = ""]) => [word, words(held), words(other)] as const,
);

test("the page has its table", () => expect(rows.length).toBeGreaterThan(12));

test.each(rows)("--net %s grants what the page says, and no more", (word, held, others) => {
  const decider = deciderOfFlags({ net: [word] });
  const answer = (text: string) => decider.decide(attemptOf(`NetConnect ${text}`)).outcome;
  expect(held.map((text) => [text, answer(text)])).toEqual(held.map((text) => [text, "allow"]));
  expect(others.map((text) => [text, answer(text)])).toEqual(others.map((text) => [text, "deny"]));
});

test.each(rows)("--deny-net %s forbids what the page says, for every protocol", (word, held) => {
  const decider = deciderOfFlags({ net: ["all"], denyNet: [word] });
  for (const text of held)
    expect([text, decider.decide(attemptOf(`NetConnect ${text}`)).outcome]).toEqual([text, "deny"]);
});

describe("what could mean two things is refused with the word to write", () => {
  const refused = [
    ["8080", '":8080"'],
    ["10.1.2.3/8", '"10.0.0.0/8"'],
    ["a.*.example.com", '"*.name.example"'],
    ["https://example.com/", "HOST:PORT"],
    ["fe80::1%eth0", "HOST:PORT"],
  ] as const;
  test.each(refused)("%s", (word, hint) => {
    const lowered = flagsToCapabilities({ ...none, net: [word] }, context);
    expect(lowered.ok ? "" : lowered.error[0]?.hint).toContain(hint);
  });
});

const answers: readonly (readonly [number, string, "allow" | "deny"])[] = [
  [0, "FileRead /home/ada/data/x", "allow"],
  [0, "NetConnect api.example.com:443", "allow"],
  [0, "NetConnect api.example.com:80", "deny"],
  [0, "NetConnect udp:api.example.com:443", "deny"],
  [0, "NetConnect 10.0.0.1:443", "deny"],
  [1, "NetConnect packages.example.com:443", "allow"],
  [1, "NetConnect udp:packages.example.com:443", "deny"],
  [1, "NetConnect a.mirror.example.com:443", "allow"],
  [1, "NetConnect mirror.example.com:443", "deny"],
];
test.each(answers)("the Cedar of example %d answers %s: %s", async (index, what, outcome) => {
  const text = blocks("cedar")[index];
  if (text === undefined) throw new Error(`there is no example ${index}`);
  const decider = await deciderOf([cedarSource(text)]);
  expect(decider.decide(attemptOf(what)).outcome).toBe(outcome);
});

test("the manifest grants what it lists", async () => {
  const [text = ""] = blocks("json");
  const source = { kind: "manifest", name: "aegis-manifest.json", text } as const;
  const { capabilities, warnings } = await compiled([source]);
  const { decide } = prepareDecider(capabilities);
  const answer = (what: string) => decide(attemptOf(what)).outcome;
  expect(warnings).toEqual([]);
  expect(answer("NetConnect api.example.com:443")).toBe("allow");
  expect(answer("NetConnect api.example.com:80")).toBe("deny");
  expect(answer("NetConnect a.cdn.example.com:80")).toBe("allow");
  expect(answer("NetConnect udp:time.example.com:123")).toBe("allow");
  expect(answer("NetConnect time.example.com:123")).toBe("deny");
});

test("every flag the page's commands use is one", () => {
  const used = new Set(
    blocks("sh")
      .join("\n")
      .match(/--[a-z-]+(?= )/g),
  );
  const known = readFileSync(join(repoRoot, "docs/cli.md"), "utf8");
  for (const flag of used) if (flag !== "--") expect(known).toContain(`\`${flag} `);
});
