// A box that records into a session of `aegis serve`, as the server's clients see it.

import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { spawnAegis, waitFor } from "../../support/harness.ts";
import { startServe } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const home = tempDir("joined");
const work = tempDir("work");
const { url, stop } = await start();
afterAll(async () => {
  await stop();
});

function start() {
  return startServe({ HOME: home, PATH: process.env.PATH ?? "" }, []);
}

async function post(path: string, body: object) {
  const response = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${url}${path}`)).json()) as T;
}

async function tokenOf(session: string, more: object = {}): Promise<string> {
  const path = `/v1/sessions/${session}/token`;
  const { status, body } = await post(path, { tenant_id: "acme", ...more });
  expect(status).toBe(201);
  return body.token ?? "";
}

function run(session: string, token: string | undefined, ...flags: string[]) {
  const args = ["run", "--session", session, ...flags, "--", "cat", "/etc/hostname", "/etc/shadow"];
  const env = { HOME: home, AEGIS_SESSION_TOKEN: token };
  return spawnAegis(args, { env, cwd: work });
}

const proposed = {
  tenant_id: "acme",
  session_id: "s1",
  event_type: "TOOL_CALL_PROPOSED",
  payload: { tool_name: "cat", call_id: "c1", args: {} },
};

interface Listed {
  readonly Events: readonly {
    readonly event_type: string;
    readonly payload: Readonly<Record<string, string>>;
  }[];
}

describe("a box with a session's token", () => {
  test("stands in that session's chain, beside the tool calls", async () => {
    await post("/v1/events", proposed);
    const { exitCode, stderr } = await run("acme/s1", await tokenOf("s1"));
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1 });
    await post("/v1/events", { ...proposed, event_type: "TOOL_RESULT" });
    const query = "tenant_id=acme&session_id=s1&limit=1000";
    const { Events } = await get<Listed>(`/v1/events?${query}`);
    const types = Events.map(({ event_type }) => event_type);
    expect(types[0]).toBe("TOOL_CALL_PROPOSED");
    expect(types[1]).toBe("BOX_OPENED");
    expect(types.at(-2)).toBe("BOX_CLOSED");
    expect(types.at(-1)).toBe("TOOL_RESULT");
    const shadow = Events.find(({ payload }) => payload.path === "/etc/shadow");
    expect(shadow).toMatchObject({ event_type: "FILE_READ", payload: { decision: "deny" } });
    const verdict = await get<object>("/v1/sessions/s1/verify?tenant_id=acme");
    expect(verdict).toMatchObject({ valid: true });
    const snapshot = await get<object>("/v1/sessions/s1/snapshot?tenant_id=acme");
    expect(JSON.stringify(snapshot)).toContain('"steps_consumed":2');
  });

  test("is found by `aegis log`, and `aegis audit verify` proves it", async () => {
    const env = { HOME: home };
    const log = await spawnAegis(["log", "--session", "acme/s1", "--denied"], { env });
    expect(log.stdout).toContain("/etc/shadow");
    const audit = await spawnAegis(["audit", "verify"], { env });
    expect(audit).toMatchObject({ exitCode: 0 });
  });

  test("reads the token from a file as well", async () => {
    const file = `${work}/token`;
    writeFileSync(file, `${await tokenOf("s2")}\n`);
    const { stderr } = await run("acme/s2", undefined, "--session-token", file);
    expect(stderr).toContain("acme/s2");
  });
});

describe("a box is not started", () => {
  async function refusal(session: string, token: string | undefined, ...flags: string[]) {
    const { exitCode, stderr } = await run(session, token, ...flags);
    expect(exitCode).toBe(126);
    const { Events } = await get<Listed>("/v1/events?tenant_id=acme&session_id=s9");
    expect(Events ?? []).toEqual([]);
    return stderr;
  }

  test("without a token", async () => {
    expect(await refusal("acme/s9", undefined)).toContain("AEGIS_SESSION_TOKEN is not set");
  });
  test("with another session's token", async () => {
    expect(await refusal("acme/s9", await tokenOf("s1"))).toContain("another session's");
  });
  test("with a changed token", async () => {
    const token = (await tokenOf("s9")).replace(/\.(.)/, (_, c) => (c === "W" ? ".X" : ".W"));
    expect(await refusal("acme/s9", token)).toContain("not given out by this user's server");
  });
  test("with a token that has expired", async () => {
    const token = await tokenOf("s9", { ttl_ms: 1 });
    const minted = Date.now();
    await waitFor("the next millisecond but one", () => Date.now() > minted + 1);
    expect(await refusal("acme/s9", token)).toContain("expired");
  });
  test("with a token file that is not there", async () => {
    const flags = ["--session-token", `${work}/none`];
    expect(await refusal("acme/s9", undefined, ...flags)).toContain("cannot be read");
  });
  test("into another ledger than the token's", async () => {
    const token = await tokenOf("s9");
    const { exitCode, stderr } = await run("acme/s9", token, "--ledger", `${work}/other.db`);
    expect(exitCode).toBe(125);
    expect(stderr).toContain("another ledger");
  });
});

test.each([
  ["no tenant", {}, 400],
  ["this machine's own tenant", { tenant_id: "local" }, 403],
  ["no time at all", { tenant_id: "acme", ttl_ms: 0 }, 400],
  ["too long a time", { tenant_id: "acme", ttl_ms: 1e9 }, 400],
  ["a time that is no number", { tenant_id: "acme", ttl_ms: "1" }, 400],
])("no token is given out for %s", async (_, body, status) => {
  expect((await post("/v1/sessions/s/token", body)).status).toBe(status);
});
