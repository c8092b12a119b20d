// Tool policies of one's own in the built binary: as ours answers, replaced while it runs, and kept
// from doing harm.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { loadRego } from "../../../src/control/decide/rego.ts";
import { decideRequest } from "../../../src/server/api/decide.ts";
import { testWith } from "../../support/features.ts";
import { repoRoot, waitFor } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { randomQuestion } from "../../support/random-decisions.ts";
import { seededRandom } from "../../support/random-json.ts";
import { linkedPrograms, type Served } from "../../support/served.ts";
import { tarGz } from "../../support/tar.ts";

setDefaultTimeout(testMs);

const linked = linkedPrograms();
const ours = readFileSync(`${repoRoot}/policies/rego/aegis/decide.wasm`);
/** Ours, but that it says another word. */
const other = Buffer.from(
  ours.toString("latin1").replaceAll("PERMISSION_UNDECLARED", "PERMISSION_UNDECLARES"),
  "latin1",
);
const file = (name: string, content: Uint8Array | string): string => {
  const draft = `${linked.folder}/.draft`;
  writeFileSync(draft, content, { mode: 0o644 });
  renameSync(draft, `${linked.folder}/${name}`);
  return name;
};

async function start(bundle: string, ...more: readonly string[]) {
  const flags = ["--dsn", ":memory:", "--addr", ":0", "--telemetry-disabled", "--bundle", bundle];
  const server = await linked.start("aegisd", ...flags, ...more);
  const url = `http://${server.greeting.trim().split(" ").at(-1)}`;
  const decide = async (question: object): Promise<object> => {
    const body = JSON.stringify(question);
    return (await (
      await fetch(`${url}/v1/policy/decide`, { method: "POST", body })
    ).json()) as object;
  };
  return { server, decide, url };
}

const call = (tool: string) => ({
  event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: tool, args: {} } },
  snapshot: {},
  manifest: {},
});
const denied = (reason: string) => ({ outcome: "deny", reason, constraints: {} });
const reasonOf = async (answer: Promise<object>): Promise<unknown> =>
  ((await answer) as { reason?: unknown }).reason;

const forms: readonly (readonly [string, string])[] = [
  ["a module", file("ours.wasm", ours)],
  [
    "a bundle",
    file(
      "ours.tar.gz",
      tarGz([
        { path: "/policy.wasm", content: ours },
        { path: "/data.json", content: "{}" },
      ]),
    ),
  ],
];
test.each(forms)("our own policy as %s answers as the built-in one", async (_, name) => {
  const rego = await loadRego(ours);
  const { server, decide } = await start(name);
  const random = seededRandom(0x0b1d);
  for (let at = 0; at < 1500; at++) {
    const question = randomQuestion(random);
    // Anything else is refused before a policy is asked.
    if (!decideRequest.safeParse(question).success) continue;
    const answer = await decide(question);
    const known = rego.evaluate(JSON.parse(JSON.stringify(question)));
    if (!Bun.deepEquals(answer, known))
      expect({ question, answer }).toEqual({ question, answer: known as object });
  }
  expect(await server.stop()).toBe(0);
});

describe("a policy that is replaced", () => {
  const replaced = (server: Served, text: string) =>
    waitFor(text, () => server.said().includes(text));

  test("is in force without a restart, and a bad one is not", async () => {
    const name = file("live.wasm", ours);
    const { server, decide } = await start(name);
    expect(await decide(call("x"))).toEqual(denied("PERMISSION_UNDECLARED"));
    file("live.wasm", other);
    await replaced(server, "was read again");
    expect(await decide(call("x"))).toEqual(denied("PERMISSION_UNDECLARES"));
    file("live.wasm", "no policy");
    await replaced(server, "the one before goes on");
    expect(await decide(call("x"))).toEqual(denied("PERMISSION_UNDECLARES"));
    expect(await server.stop()).toBe(0);
  });

  test("is read at once on SIGHUP, and no question is lost meanwhile", async () => {
    const name = file("hup.wasm", ours);
    const { server, decide } = await start(name);
    let isOver = false;
    const reasons = new Set<unknown>();
    const asking = Array.from({ length: 4 }, async () => {
      while (!isOver) reasons.add(await reasonOf(decide(call("x"))));
    });
    await waitFor("an answer of the first", () => reasons.size === 1);
    file("hup.wasm", other);
    server.signal("SIGHUP");
    await replaced(server, "was read again");
    await waitFor("both answers", () => reasons.size > 1);
    isOver = true;
    await Promise.all(asking);
    expect(reasons).toEqual(new Set(["PERMISSION_UNDECLARED", "PERMISSION_UNDECLARES"]));
    expect(await server.stop()).toBe(0);
  });
});

describe("it does not start with", () => {
  const looping = loopingModule(ours);
  const bad: readonly (readonly [string, string, string])[] = [
    ["what is no module", file("text.wasm", "package aegis"), "neither a wasm module"],
    [
      "a module that is no policy",
      file("empty.wasm", new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
      "Cannot load",
    ],
    ["a policy that never answers", file("loop.wasm", looping), "it gives no decision in time"],
    ["what is not there", "none.wasm", "none.wasm"],
    ["a folder", ".", "it is no file"],
  ];
  test.each(bad)("%s", async (_, name, message) => {
    const refused = await linked.run(
      "aegisd",
      "--dsn",
      ":memory:",
      "--addr",
      ":0",
      "--bundle",
      name,
    );
    expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain(message);
  });

  test("one that others may change", async () => {
    writeFileSync(`${linked.folder}/open.wasm`, ours);
    Bun.spawnSync(["chmod", "666", `${linked.folder}/open.wasm`]);
    const refused = await linked.run("aegisd", "--addr", ":0", "--bundle", "open.wasm");
    expect(refused.stderr).toContain("others may change it");
  });
});

/** The same module, but that its evaluation is one endless loop. */
function loopingModule(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const { start: body, end } = bodyOf(copy, "opa_eval");
  // No locals; `loop br 0 end`, then what never runs.
  copy.fill(0x01, body, end);
  copy.set([0, 0x03, 0x40, 0x0c, 0, 0x0b, 0], body);
  copy[end - 1] = 0x0b;
  return copy;
}

/** Where the code of an exported function stands, its list of locals included. */
function bodyOf(bytes: Uint8Array, name: string): { start: number; end: number } {
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  let imported = 0;
  let wanted = -1;
  while (at < bytes.length) {
    const section = bytes[at++];
    const size = number();
    const end = at + size;
    if (section === 2) imported = importedFunctions(bytes.subarray(at, end));
    if (section === 7) {
      for (let left = number(); left > 0; left--) {
        const length = number();
        const exported = new TextDecoder().decode(bytes.subarray(at, at + length));
        at += length;
        const kind = bytes[at++];
        const index = number();
        if (exported === name && kind === 0) wanted = index;
      }
    }
    if (section === 10) {
      const count = number();
      for (let index = imported; index < imported + count; index++) {
        const length = number();
        if (index === wanted) return { start: at, end: at + length };
        at += length;
      }
    }
    at = end;
  }
  throw new Error(`no function "${name}"`);
}

/** Of OPA's imports all but the memory are functions. */
function importedFunctions(section: Uint8Array): number {
  return (section[0] ?? 0) - 1;
}

testWith(
  ["tool opa"],
  "calls that a policy takes too long or too much memory for are denied, the next one answered",
  async () => {
    const rego = `${linked.folder}/slow.rego`;
    writeFileSync(rego, slowPolicy);
    const entry = ["-t", "wasm", "-e", "aegis/decide/decision"];
    const out = `${linked.folder}/slow.tar.gz`;
    const built = Bun.spawnSync(["opa", "build", ...entry, "-o", out, rego]);
    expect(built.stderr.toString()).toBe("");
    const { server, decide } = await start("slow.tar.gz");
    expect(await decide(call("fast"))).toEqual(denied("MINE"));
    const answers = Promise.all([decide(call("slow")), decide(call("fast"))]);
    expect(await answers).toEqual([denied("POLICY_ERROR"), denied("MINE")]);
    expect(await decide(call("hungry"))).toEqual(denied("POLICY_ERROR"));
    expect(await decide(call("fast"))).toEqual(denied("MINE"));
    expect(await server.stop()).toBe(0);
  },
);

const slowPolicy = `package aegis.decide

decision := {"outcome": "deny", "reason": reason, "constraints": {}}

default reason := "MINE"

reason := sprintf("%d", [count(parts)]) if input.event.payload.tool_name == "slow"

reason := sprintf("%d", [count(pairs)]) if input.event.payload.tool_name == "hungry"

parts := [part | some n in numbers.range(1, 200); part := regex.split("^(a+)+$", texts[n])]

texts[n] := sprintf("${"a".repeat(60)}!%d", [n]) if some n in numbers.range(1, 200)

pairs := [1 | some a in numbers.range(1, 20000); some b in numbers.range(1, 20000); a * b == -1]
`;
