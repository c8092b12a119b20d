// Sockets that act outside the box stay closed in a box that may change every file, and open by
// their own name.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { policyDisk } from "../../src/app/policy/disk.ts";
import {
  type ControlSockets,
  findControlSockets,
  type SessionOfUser,
} from "../../src/policy/control-sockets.ts";
import { flagsToCapabilities } from "../../src/policy/flags.ts";
import { containers, runBare, runBox, type Setting, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { standOutside } from "../support/outside.ts";
import { compiled, layersOf } from "../support/policies.ts";
import { tempDir } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const session = await standOutside();
const other = await standOutside();
afterAll(() => Promise.all([session, other].map((outside) => outside[Symbol.asyncDispose]())));

const tmp = realpathSync("/tmp");
const stream = `${session.folder}/stream`;
const packets = `${session.folder}/packets`;
const both = [`unix ${stream}`, `unix-packets ${packets}`];

for (const setting of [...settings(), ...containers()]) {
  testWith(needs, `${setting.name}: without a box the session's sockets are open`, () => {
    expect(runBare(setting, both)).toEqual(["ok", "ok"]);
  });

  testWith(needs, `${setting.name}: a grant of everything does not open them`, async () => {
    const { answers, accesses, planned } = await runWith(setting, {}, [
      ...both,
      `unlink ${packets}`,
      `unix-bind ${session.folder}/false`,
      `link ${stream} ${dirname(session.folder)}/second-${setting.name.replaceAll(/\W+/g, "-")}`,
      `unix ${other.folder}/stream`,
      `unix-packets ${other.folder}/packets`,
    ]);
    expect(answers.slice(0, 2)).toEqual(["EACCES", "EACCES"]);
    expect(["EACCES", "EROFS", "EPERM", "EBUSY"]).toContain(answers[2] ?? "");
    expect(answers.slice(3, 5)).not.toContain("ok");
    expect(answers.slice(5)).toEqual(["ok", "ok"]);
    const denied = accesses.filter(({ allowed, path }) => !allowed && path === stream);
    expect(denied.map(({ rule = -1 }) => planned.sources[rule]?.rule)).toEqual([
      "sockets:found",
      "sockets:found",
    ]);
  });

  testWith(needs, `${setting.name}: a socket that is named opens, and no other`, async () => {
    const { answers } = await runWith(setting, { net: [`unix:${stream}`] }, both);
    expect(answers).toEqual(["ok", "EACCES"]);
  });

  testWith(needs, `${setting.name}: their folder by its name opens both`, async () => {
    const { answers } = await runWith(setting, { write: [session.folder] }, both);
    expect(answers).toEqual(["ok", "ok"]);
  });

  testWith(needs, `${setting.name}: too many are closed by how their names begin`, async () => {
    const sockets = { paths: [], beginnings: [`${session.folder}/str`] };
    const closed = await runWith(setting, {}, both, sockets);
    expect(closed.answers).toEqual(["EACCES", "ok"]);
    const denied = closed.accesses.filter(({ allowed, path }) => !allowed && path === stream);
    expect(denied.map(({ rule = -1 }) => closed.planned.sources[rule]?.rule)).toEqual([
      "sockets:many",
    ]);
    const named = await runWith(setting, { net: [`unix:${stream}`] }, both, sockets);
    expect(named.answers).toEqual(["ok", "ok"]);
  });

  testWith(needs, `${setting.name}: the folder around theirs does not`, async () => {
    const { answers } = await runWith(setting, { write: [dirname(session.folder)] }, both);
    expect(answers).toEqual(["EACCES", "EACCES"]);
  });
}

function sessionIn(home: string): SessionOfUser {
  return {
    user: 1,
    variables: [`unix:path=${stream},guid=0`],
    runtimeFolder: session.folder,
    worked: [home],
  };
}

test("folders and sockets are found in the real /tmp, and what links lead to is not", () => {
  const names = ["dir", "link", "file"].map((kind) => `/tmp/ssh-${kind}${process.pid}`);
  const [folder = "", link = "", file = ""] = names.map((path) => path.replace("/tmp", tmp));
  const target = tempDir("target");
  try {
    mkdirSync(folder);
    symlinkSync(target, link);
    writeFileSync(file, "");
    const user = process.geteuid?.() ?? -1;
    const { paths } = findControlSockets({ ...sessionIn(target), user }, policyDisk);
    expect([folder, link, file, target].map((path) => paths.includes(path))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(policyDisk.socketOwner(stream)).toBe(user);
  } finally {
    for (const path of [folder, link, file]) rmSync(path, { recursive: true, force: true });
  }
});

/** In a box that may read, change and run everything, with what every launch adds. */
async function runWith(
  setting: Setting,
  flags: { net?: readonly string[]; write?: readonly string[] },
  attempts: readonly string[],
  sockets?: ControlSockets,
) {
  const home = testFolder(setting);
  const places = { workspace: home, home, tmp: `${home}/tmp` };
  const given = flagsToCapabilities(
    { read: [], write: [], deny: [], net: [], denyNet: [], listen: [], exec: [], ...flags },
    { directory: "/", home, realPath: policyDisk.realPath, findProgram: () => [] },
  );
  if (!given.ok) throw new Error(JSON.stringify(given.error));
  const sources = layersOf({
    templates: ["allow-read-write"],
    flags: given.value,
    protections: {
      ownPaths: [`${home}/.aegis`],
      ownSecrets: [],
      repository: undefined,
      names: true,
      credentials: true,
      sockets: sockets ?? findControlSockets(sessionIn(home), policyDisk),
    },
  });
  const { capabilities } = await compiled(sources, { places, realPath: policyDisk.realPath });
  const options = { directory: home, home };
  return runBox(setting, capabilities.capabilities, attempts, options);
}
