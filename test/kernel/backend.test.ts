// The backend as the rest of aegis uses it: a box prepared by one backend is launched by another,
// rows arrive before the end, and what cannot be held is refused with its code.

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import type { BoxAccess } from "../../src/enforce/backend.ts";
import { createLinuxBackend } from "../../src/enforce/linux/backend.ts";
import { fixtureRules, programs } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { forbid, like, permit, request, under } from "../support/ir.ts";
import { tempDir } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

function scene() {
  const base = tempDir("backend");
  mkdirSync(`${base}/ws`);
  writeFileSync(`${base}/ws/file`, "content");
  writeFileSync(`${base}/secret`, "content");
  return { ws: `${base}/ws`, secret: `${base}/secret`, helper: `${base}/helper` };
}

testWith(
  needs,
  "a prepared box is launched by another backend and reports each access",
  async () => {
    const { ws, secret, helper } = scene();
    const rules = [...fixtureRules(), permit("read", under(ws))];
    const box = await createLinuxBackend(helper).prepare(request(rules, { workspace: ws }));
    expect(box.facts).toContainEqual({ path: ws, kind: "directory", realPath: ws });
    const rows: BoxAccess[] = [];
    const attempt = programs().attempt;
    const argv = [attempt, `read ${ws}/file`, `read ${secret}`];
    const running = await createLinuxBackend(helper).launch(
      { ...box, bytes: Uint8Array.from(box.bytes) },
      { program: attempt, argv, environment: ["LANG=C"], directory: ws, stdoutToStderr: true },
      (batch) => void rows.push(...batch),
    );
    expect(await running.exited).toEqual({ status: 0, signal: undefined, failure: undefined });
    const told = rows
      .map(({ payload }) => payload)
      .filter(({ path }) => path === secret || path === `${ws}/file`)
      .map(({ path, decision, rule, flags, reason }) => ({ path, decision, rule, flags, reason }));
    const rule = permit("read", under(ws)).origin.rule;
    const flags = "open O_RDONLY";
    expect(told.map((row) => ({ ...row, flags: row.flags.replace("openat", "open") }))).toEqual([
      { path: `${ws}/file`, decision: "allow", rule, flags, reason: `allowed by ${rule}` },
      { path: secret, decision: "deny", rule: "", flags, reason: "no permit matched" },
    ]);
  },
);

testWith(
  needs,
  "a program the box may not run is a failure with a hint, not a status alone",
  async () => {
    const { ws, helper } = scene();
    const backend = createLinuxBackend(helper);
    const box = await backend.prepare(request([permit("read", under(ws))], { workspace: ws }));
    const program = programs().attempt;
    const launch = {
      program,
      argv: [program],
      environment: [],
      directory: ws,
      stdoutToStderr: true,
    };
    const exit = await (await backend.launch(box, launch, () => undefined)).exited;
    expect(exit).toMatchObject({
      status: 126,
      failure: { step: "exec", hint: expect.any(String) },
    });
  },
);

testWith(needs, "what the kernel cannot hold is refused with rule, line and clause", async () => {
  const { ws, helper } = scene();
  const rules = [permit("all", under(ws)), forbid("ProcessSpawn", like("*.pem"))];
  const preparing = createLinuxBackend(helper).prepare(request(rules, { workspace: ws }));
  await expect(preparing).rejects.toMatchObject({
    code: "policy/inexpressible",
    message: expect.stringMatching(/test\.cedar:1.*"\*\.pem"/),
    hint: expect.stringContaining("by name"),
  });
});

testWith(
  needs,
  "where only changes are recorded, what the broker opens for reading is no row",
  async () => {
    const { ws, helper } = scene();
    writeFileSync(`${ws}/key.pem`, "content");
    const rules = [...fixtureRules(), permit("all", under(ws)), forbid("FileRead", like("*.pem"))];
    const attempt = programs().attempt;
    const argv = [attempt, `read ${ws}/file`, `append ${ws}/file`, `read ${ws}/key.pem`];
    const told = async (audit: "full" | "writes") => {
      const backend = createLinuxBackend(helper);
      const box = await backend.prepare(request(rules, { workspace: ws, audit }));
      const rows: BoxAccess[] = [];
      const launch = {
        program: attempt,
        argv,
        environment: [],
        directory: ws,
        stdoutToStderr: true,
      };
      const running = await backend.launch(box, launch, (batch) => void rows.push(...batch));
      await running.exited;
      return rows
        .map(({ payload }) => `${payload.action} ${payload.path} ${payload.decision}`)
        .filter((row) => row.includes(ws));
    };
    const recorded = [`FileWrite ${ws}/file allow`, `FileRead ${ws}/key.pem deny`];
    expect(await told("full")).toEqual([`FileRead ${ws}/file allow`, ...recorded]);
    expect(await told("writes")).toEqual(recorded);
  },
);
