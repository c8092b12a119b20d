// `aegis run --ask-server` with a real control plane: no terminal, and somebody who decides over
// HTTP or with `aegis approve`.

import { afterAll, expect } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../../src/base/hash.ts";
import { type AskedPlace, askedPlace, eventsOf, textOf } from "../../support/asked.ts";
import { testWith } from "../../support/features.ts";
import { aegisBinary, cleanEnvironment, spawnAegis, waitFor } from "../../support/harness.ts";
import { startServe } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

const folder = tempDir("keys");
const keys = join(folder, "keys");
const keyOf = (role: string) => join(folder, role);
for (const role of ["agent", "approver"]) writeFileSync(keyOf(role), `key-of-${role}\n`);
writeFileSync(
  keys,
  ["agent", "approver"]
    .map((role) => `${sha256Hex(`key-of-${role}`)} ${role} team the-${role}\n`)
    .join(""),
);
const server = await startServe(cleanEnvironment({ HOME: tempDir("serve") }), ["--keys", keys]);
const { url } = server;
afterAll(async () => {
  await server.stop();
});

function start(place: AskedPlace, script: string, at = url) {
  const asks = ["--ask-server", at, "--ask-tenant", "team", "--ask-key-file", keyOf("agent")];
  const argv = ["run", "--quiet", "--policy", place.policy, ...asks, "--env", "OTHER"];
  const child = Bun.spawn(["setsid", "-w", aegisBinary(), ...argv, "--", "sh", "-c", script], {
    cwd: place.workspace,
    env: cleanEnvironment(place.env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const reading = (async () => {
    for await (const piece of child.stderr) said += new TextDecoder().decode(piece);
  })();
  const stdout = child.stdout.text();
  let seen = 0;
  return {
    /** The token of the next question. */
    token: async () => {
      const found = await waitFor(
        "a question",
        () => /approve (\S+) /.exec(said.slice(seen)) ?? undefined,
      );
      seen += found.index + found[0].length;
      return found[1] ?? "";
    },
    end: async () => {
      await Promise.all([child.exited, reading]);
      return { stdout: await stdout, stderr: said };
    },
  };
}

const ask = async (role: string, path: string, body?: object) => {
  const response = await fetch(`${url}${path}`, {
    headers: { Authorization: `Bearer key-of-${role}` },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const decide = (token: string, body: object, role = "approver") =>
  ask(role, `/v1/approvals/${token}?tenant_id=team`, body);

const twice = 'cat "$OTHER/a"; cat "$OTHER/a"; echo done';
const texts = (stdout: string) => stdout.match(/text of/g)?.length ?? 0;

testWith(needs, "what waits says who wants what, and an approver's yes is for once", async () => {
  const place = askedPlace();
  const run = start(place, twice);
  const token = await run.token();
  const { body } = await ask("approver", `/v1/approvals/${token}?tenant_id=team`);
  expect(body).toMatchObject({ tool_name: "access", status: "PENDING" });
  expect(body.orig_args).toMatchObject({
    actions: ["FileRead"],
    path: join(place.other, "a"),
    program: expect.stringContaining("cat"),
    answers: ["once", "session", "always"],
    policy_file: place.policy,
  });
  expect((await decide(token, { allow: true }, "agent")).status).toBe(403);
  expect((await decide(token, { allow: true })).status).toBe(200);
  expect((await decide(await run.token(), { allow: false })).status).toBe(200);
  expect(texts((await run.end()).stdout)).toBe(1);
});

testWith(needs, "a no holds for the session", async () => {
  const run = start(askedPlace(), twice);
  await decide(await run.token(), { allow: false });
  const { stdout } = await run.end();
  expect(stdout).toBe("done\n");
});

const edits: readonly [string, string, number][] = [
  ["session", "for the session", 2],
  ["always", "for good", 2],
];
for (const [answer, what, count] of edits)
  testWith(needs, `an edited answer allows ${what}`, async () => {
    const place = askedPlace();
    const before = textOf(place.policy);
    const run = start(place, twice);
    await decide(await run.token(), { allow: true, edited_args: { answer } });
    expect(texts((await run.end()).stdout)).toBe(count);
    expect(textOf(place.policy) === before).toBe(answer !== "always");
    const rules = eventsOf(place).map(({ payload }) => payload.rule);
    expect(rules).toContain(`ask:${answer}`);
  });

testWith(needs, "an answer that was not offered is a yes for once", async () => {
  const run = start(askedPlace(), twice);
  await decide(await run.token(), { allow: true, edited_args: { answer: "folder" } });
  await decide(await run.token(), { allow: false });
  expect(texts((await run.end()).stdout)).toBe(1);
});

testWith(needs, "what is no open says what is done, to what and where", async () => {
  const place = askedPlace();
  const run = start(place, 'mv "$OTHER/a" "$OTHER/z" && mkdir "$OTHER/new"; ls');
  const args = async (token: string) =>
    (await ask("approver", `/v1/approvals/${token}?tenant_id=team`)).body.orig_args;
  const [a, z] = [join(place.other, "a"), join(place.other, "z")];
  const expected = [
    { actions: ["FileDelete"], path: a, deed: "move", other: z },
    { actions: ["FileWrite"], path: z, deed: "arrive", other: a },
    { actions: ["DirCreate"], path: join(place.other, "new"), deed: "make" },
  ];
  for (const wanted of expected) {
    const token = await run.token();
    expect(await args(token)).toMatchObject(wanted);
    await decide(token, { allow: true });
  }
  await run.end();
  expect(readdirSync(place.other).sort()).toEqual(["b", "c", "d", "new", "z"]);
});

testWith(needs, "`aegis approve` decides with the token that was shown", async () => {
  const run = start(askedPlace(), 'cat "$OTHER/a"');
  const access = ["--server", url, "--api-key-file", keyOf("approver"), "--tenant", "team"];
  const { exitCode } = await spawnAegis(["approve", await run.token(), "--allow", ...access]);
  expect(exitCode).toBe(0);
  expect(texts((await run.end()).stdout)).toBe(1);
});

testWith(needs, "without the server everything is denied, and that is said once", async () => {
  const run = start(
    askedPlace(),
    'cat "$OTHER/a"; cat "$OTHER/b"; echo done',
    "http://127.0.0.1:9",
  );
  const { stdout, stderr } = await run.end();
  expect(stdout).toBe("done\n");
  expect(stderr.match(/what no rule allows/g)).toHaveLength(1);
});
