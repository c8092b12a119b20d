// Policies learned from random accesses: each allows what was seen and is not listed as left out,
// grants no folder without a reason, and never reaches credentials. The text is what is judged, as
// Cedar compiles it. AEGIS_LEARN_CASES sets the number of sessions.

import { expect, test } from "bun:test";
import { contains } from "../../src/base/paths.ts";
import type { Action, Capability } from "../../src/model/capability.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { prepareDecider } from "../../src/policy/decide.ts";
import { type Learned, learn } from "../../src/policy/learn/learn.ts";
import { createSeen, type SeenAccess } from "../../src/policy/learn/seen.ts";
import { learnedText } from "../../src/policy/learn/text.ts";
import { testCedar } from "../support/cedar.ts";
import { forbid, permit, under } from "../support/ir.ts";
import { testMs } from "../support/patience.ts";
import { pick, type Random, randomFrom, randomPath } from "../support/random-capabilities.ts";

const casesWanted = Number(process.env.AEGIS_LEARN_CASES ?? 400);
const home = "/Users/me";
const secret = `${home}/ws/a`;
const guarded = `${home}/ws/.git`;
const standing: readonly Capability[] = [
  permit("read", under("/usr")),
  forbid("FileRead FileWrite FileDelete DirCreate DirList", under(secret)),
  forbid("change", under(guarded)),
];
const places = { workspace: `${home}/ws`, home, tmp: "/tmp" };

const calls: readonly (readonly [Action, string])[] = [
  ["FileRead", "openat O_RDONLY"],
  ["FileRead", "openat O_RDONLY, fails"],
  ["FileRead", "linkat"],
  ["FileWrite", "openat O_WRONLY|O_TRUNC"],
  ["FileWrite", "openat O_WRONLY|O_CREAT|O_TRUNC"],
  ["FileWrite", "openat O_RDWR|O_CREAT|O_EXCL"],
  ["FileWrite", "openat O_WRONLY, fails"],
  ["FileWrite", "rename"],
  ["FileWrite", "linkat"],
  ["FileWrite", "symlinkat"],
  ["FileWrite", "chmod"],
  ["FileDelete", "unlink"],
  ["FileDelete", "rename"],
  ["FileDelete", "unlink, fails"],
  ["DirCreate", "mkdir"],
  ["DirCreate", "mkdir, fails"],
  ["DirList", "openat O_RDONLY|O_DIRECTORY"],
  ["ProcessSpawn", "execve"],
  ["NetConnect", "connect"],
  ["NetBind", "bind"],
];

function randomAccess(random: Random): SeenAccess {
  const [action, flags] = pick(random, calls);
  const exe = pick(random, ["/usr/bin/x", "/opt/y", ""]);
  const common = { action, flags, exe, count: 1 + random(3) };
  if (action !== "NetConnect" && action !== "NetBind")
    return { ...common, path: randomPath(random), host: undefined, port: undefined };
  const host = pick(random, ["127.0.0.1", "10.0.0.1", "::1"]);
  return { ...common, path: host, host, port: pick(random, [80, 443, 8080]) };
}

function resourceOf({ path, host, port }: SeenAccess): string {
  return port === undefined ? path : `${host}:${port}`;
}

async function compile(learned: Learned): Promise<readonly Capability[]> {
  const text = learnedText(learned, ["a test\\nwith a line"]);
  const sources = [{ kind: "cedar", name: "/learned.cedar", text } as const];
  const compiled = await compilePolicy({ cedar: async () => cedar, sources, places });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return compiled.value.capabilities.capabilities;
}

const cedar = testCedar();

test(
  "what was seen is allowed, folders have reasons, credentials stay shut",
  async () => {
    const counts = { accesses: 0, exact: 0, folders: 0, notGranted: 0 };
    for (let seed = 1; seed <= casesWanted; seed += 1) {
      const random = randomFrom(seed * 7919);
      const seen = createSeen();
      for (let left = 1 + random(60); left > 0; left -= 1) seen.add(randomAccess(random));
      const there = new Set(seen.all().flatMap(({ path }) => (random(3) === 0 ? [path] : [])));
      const learned = learn(seen.all(), {
        agent: "agent",
        standing: { version: 1, capabilities: standing },
        home,
        wasThere: (path) => there.has(path),
      });
      const own = await compile(learned);
      const decider = prepareDecider({ version: 1, capabilities: [...standing, ...own] });
      const leftOut = (access: SeenAccess) =>
        learned.notGranted.some(
          ({ action, resource }) =>
            action === access.action && contains(resource, resourceOf(access)),
        );
      const bothWays = seen
        .all()
        .filter(({ flags }) => /O_RDWR/.test(flags))
        .map((access) => ({ ...access, action: "FileRead" as const }));
      for (const access of [...seen.all(), ...bothWays]) {
        counts.accesses += 1;
        const { action, path, host, port } = access;
        const { outcome } = decider.decide({
          action,
          agent: "agent",
          resource: { path, host, port },
        });
        const isOwnTalk = port !== undefined && learned.endpoints.length === 0;
        if (outcome === "deny" && !leftOut(access) && !isOwnTalk)
          throw new Error(`seed ${seed}: denied ${JSON.stringify(access)}`);
      }
      for (const { where, actions } of own) {
        const [atom] = where;
        if (atom?.kind !== "path-in") continue;
        expect([seed, atom.path, contains(atom.path, secret), contains(atom.path, "/")]).toEqual([
          seed,
          atom.path,
          false,
          false,
        ]);
        for (const action of actions) {
          const grant = learned.folders.find(
            (each) => each.path === atom.path && each.action === action,
          );
          expect(grant?.reason ?? "", `seed ${seed}: ${action} in ${atom.path}`).not.toBe("");
        }
      }
      for (const { path, action } of learned.exact) {
        const isSeen = seen.all().some((each) => each.path === path || each.exe === path);
        expect([seed, path, action, isSeen]).toEqual([seed, path, action, true]);
      }
      counts.exact += learned.exact.length;
      counts.folders += learned.folders.length;
      counts.notGranted += learned.notGranted.length;
    }
    expect(Math.min(counts.exact, counts.folders, counts.notGranted)).toBeGreaterThan(
      casesWanted / 4,
    );
    console.log(`${casesWanted} sessions: ${JSON.stringify(counts)}`);
  },
  testMs + casesWanted * 50,
);
