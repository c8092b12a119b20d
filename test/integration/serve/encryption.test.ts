// Encrypted payloads through the built binary: nothing of them on the disk, everything through the
// API, and what is told to whoever has no keys.

import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { aegisBinary } from "../../support/harness.ts";
import { attack } from "../../support/ledger-attack.ts";
import { programMs } from "../../support/patience.ts";
import { linkedPrograms, type Served } from "../../support/served.ts";

const linked = linkedPrograms();
const secret = "tangerine-elephant";
const key = (byte: number) => new Uint8Array(32).fill(byte).toBase64();

function keyFile(name: string, ...bytes: readonly number[]): string {
  const path = `${linked.folder}/${name}`;
  writeFileSync(path, JSON.stringify({ keys: bytes.map((byte) => ({ key: key(byte) })) }));
  chmodSync(path, 0o600);
  return path;
}

const one = keyFile("one.json", 1);
const ledger = `${linked.folder}/aegis.db`;
const common = ["--dsn", ledger, "--addr", ":0", "--telemetry-disabled"];

async function record(server: Served, session: string): Promise<void> {
  const url = `http://${server.greeting.trim().replace(/^.* /, "")}`;
  const place = { tenant_id: "acme", session_id: session };
  const payload = { tool_name: "read_file", args: { path: secret } };
  const bodies: readonly (readonly [string, object])[] = [
    ["/v1/events", { ...place, event_type: "TOOL_CALL_PROPOSED", payload }],
    ["/v1/approvals", { ...place, tool_name: "read_file", args: { path: secret } }],
  ];
  for (const [path, body] of bodies) {
    const answer = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
    expect(answer.status).toBe(201);
  }
  const query = `?tenant_id=acme&session_id=${session}&tool_name=read_file`;
  expect(await (await fetch(`${url}/v1/events${query}`)).text()).toContain(secret);
  const verify = await fetch(`${url}/v1/sessions/${session}/verify?tenant_id=acme`);
  expect(await verify.json()).toEqual({ valid: true, first_bad_seq: 0, error: "" });
  const replay = await fetch(`${url}/v1/sessions/${session}/replay?tenant_id=acme`);
  expect(await replay.json()).toMatchObject({ identical: true });
}

function audit(keys: string | undefined, ...args: readonly string[]) {
  const child = Bun.spawnSync([aegisBinary(), ...args, "--ledger", ledger], {
    env: {
      HOME: linked.folder,
      PATH: process.env.PATH ?? "",
      ...(keys === undefined ? {} : { AEGIS_PAYLOAD_KEYS: keys }),
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: programMs,
  });
  return { output: child.stdout.toString() + child.stderr.toString(), exitCode: child.exitCode };
}

test("payloads are on the disk as ciphertext, and come back through the keys, old ones too", async () => {
  let server = await linked.start("aegisd", ...common, "--payload-keys", one);
  await record(server, "s1");
  const files = () => readdirSync(linked.folder).filter((name) => name.startsWith("aegis.db"));
  expect(files().length).toBeGreaterThan(1);
  const texts = () => files().map((name) => readFileSync(`${linked.folder}/${name}`, "latin1"));
  expect(texts().join("")).toContain("aegis-sealed-1:");
  expect(texts().some((text) => text.includes(secret))).toBeFalse();
  expect(await server.stop()).toBe(0);

  const both = keyFile("both.json", 1, 2);
  writeFileSync(`${linked.folder}/aegis.yaml`, `payload_keys: ${both}\n`);
  server = await linked.start("aegisd", ...common, "--config", "aegis.yaml");
  const url = `http://${server.greeting.trim().replace(/^.* /, "")}`;
  const old = await fetch(`${url}/v1/events?tenant_id=acme&session_id=s1`);
  expect(await old.text()).toContain(secret);
  await record(server, "s2");
  expect(texts().some((text) => text.includes(secret))).toBeFalse();
  expect(await server.stop()).toBe(0);

  const whole = audit(both, "audit", "verify");
  expect(whole.exitCode).toBe(0);
  expect(whole.output).not.toContain("encrypted");
  expect(audit(both, "log").output).toContain("s1:0");
  const keyless = audit(undefined, "audit", "verify");
  expect(keyless.exitCode).toBe(0);
  expect(keyless.output).toContain("4 events are encrypted");
  expect(keyless.output).toContain("0 of 4 entries verified, the others by place alone");
  const half = audit(keyFile("two.json", 2), "audit", "verify");
  expect([half.exitCode, half.output]).toEqual([
    0,
    expect.stringContaining("2 events are encrypted"),
  ]);
  expect(audit(undefined, "log").output).toMatch(/Cannot read event \d+: it is encrypted/);

  server = await linked.start("aegisd", ...common, "--payload-keys", keyFile("three.json", 3));
  const other = `http://${server.greeting.trim().replace(/^.* /, "")}`;
  const refused = await fetch(`${other}/v1/events?tenant_id=acme&session_id=s1`);
  expect(refused.status).toBe(503);
  expect(await refused.text()).toMatch(/payload key [0-9a-f]{16} is not there/);
  await server.stop();
});

describe("a backup of encrypted events", () => {
  const encrypted = expect.stringContaining("2 events are encrypted");
  const whole = expect.not.stringContaining("encrypted");
  const programs = linkedPrograms();
  const database = `${programs.folder}/l.db`;
  const keys = keyFile("backup.json", 1);
  const wrong = keyFile("wrong.json", 9);

  /** @returns its exit status and what it said on standard error */
  async function aegis(payloadKeys: string | undefined, ...args: string[]) {
    const child = Bun.spawn([aegisBinary(), ...args], {
      cwd: programs.folder,
      env: {
        HOME: `${programs.folder}/home`,
        ...(payloadKeys === undefined ? {} : { AEGIS_PAYLOAD_KEYS: payloadKeys }),
      },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: programMs,
    });
    const said = await child.stderr.text();
    return [await child.exited, said] as const;
  }

  test("is verified by content where the keys are, and says so where they are not", async () => {
    const home = linkedPrograms({ HOME: `${programs.folder}/home` });
    const flags = ["--dsn", database, "--addr", ":0", "--telemetry-disabled"];
    const server = await home.start("aegisd", ...flags, "--payload-keys", keys);
    await record(server, "s");
    expect(await server.stop()).toBe(0);
    const made = (name: string, with_: string | undefined) =>
      aegis(with_, "backup", "--ledger", database, name);
    const restored = (name: string, with_: string | undefined, to: string) =>
      aegis(with_, "restore", "--to", to, name);

    expect(await made("whole", keys)).toEqual([0, whole]);
    expect(await made("blind", undefined)).toEqual([0, encrypted]);
    expect(await made("other", wrong)).toEqual([0, encrypted]);
    expect(await restored("whole", keys, "to-1/l.db")).toEqual([0, whole]);
    expect(await restored("whole", undefined, "to-2/l.db")).toEqual([0, encrypted]);

    // Beside what is encrypted, so that no hash and no tree is about it.
    attack(database, "UPDATE event SET type = 'MODEL_CALL_STARTED' WHERE idx = 0");
    const told = expect.stringMatching(/event 0 is not what was encrypted in its place/);
    expect(await made("changed", keys)).toEqual([1, told]);
    expect(existsSync(`${programs.folder}/changed`)).toBe(false);
    expect(await made("changed", undefined)).toEqual([0, encrypted]);
    expect(await restored("changed", keys, "to-3/l.db")).toEqual([1, told]);
    expect(existsSync(`${programs.folder}/to-3/l.db`)).toBe(false);
    expect(await restored("changed", undefined, "to-4/l.db")).toEqual([0, encrypted]);
  });
});

test.each([
  ["a flag", true],
  ["the environment", false],
])("traces have no payloads where %s names the keys", async (_, isFlag) => {
  const keys = keyFile("traced.json", 1);
  const programs = linkedPrograms(isFlag ? {} : { AEGIS_PAYLOAD_KEYS: keys });
  const traces = `${programs.folder}/traces.ndjson`;
  const args = ["--dsn", "l.db", "--addr", ":0", "--telemetry-path", traces];
  const server = await programs.start(
    "aegisd",
    ...args,
    ...(isFlag ? ["--payload-keys", keys] : []),
  );
  await record(server, "s");
  expect(await server.stop()).toBe(0);
  expect(readFileSync(traces, "utf8")).toContain("execute_tool read_file");
  expect(readFileSync(traces, "utf8")).not.toContain(secret);
});

const unusable: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["no keys for a ledger that has been served with them", [], /there are no payload keys/],
  ["a file that is not there", ["--payload-keys", "none.json"], /it is not there/],
  ["a file that others may read", ["--payload-keys", "open.json"], /others may read or write it/],
  ["a file that is none", ["--payload-keys", "none.txt"], /it is no JSON text/],
];
test.each(unusable)("aegisd does not start with %s", async (_, flags, message) => {
  chmodSync(keyFile("open.json", 1), 0o644);
  writeFileSync(`${linked.folder}/none.txt`, key(1), { mode: 0o600 });
  const outcome = await linked.run("aegisd", ...common, ...flags);
  expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
  expect(outcome.stderr).toMatch(message);
  expect(outcome.stderr).not.toContain(key(1));
});
