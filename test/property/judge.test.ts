// The judge of the native helper against decide(), over random rule tables and accesses that go
// through the plan's real bytes. AEGIS_JUDGE_CASES sets the number of tables.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { encodePlan, judgedActions } from "../../src/bridge/encode-plan.ts";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { type Capability, type Protocol, protocols } from "../../src/model/capability.ts";
import { prepareDecider } from "../../src/policy/decide.ts";
import { repoRoot } from "../support/harness.ts";
import { testMs } from "../support/patience.ts";
import {
  pick,
  type Random,
  randomCapabilities,
  randomFrom,
  randomHostNear,
  randomPath,
} from "../support/random-capabilities.ts";
import { tempDir } from "../support/temp.ts";

const tablesWanted = Number(process.env.AEGIS_JUDGE_CASES ?? 100_000);
const accessesPerTable = 6;
const protocolNumbers = { icmp: 1, tcp: 6, udp: 17 } as const;
const ports = [1, 22, 79, 80, 81, 443, 1023, 1024, 8080, 65_535];

interface Access {
  readonly action: (typeof judgedActions)[number];
  readonly path: string;
  /** Undefined for a path. */
  readonly port: number | undefined;
  readonly protocol: Protocol | undefined;
}

function compileDriver(): string {
  const driver = join(tempDir("judge"), "driver");
  const sources = ["common/fd.c", "common/plan.c", "common/plan_record.c", "linux/judge/judge.c"];
  const argv = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-o", driver, "test/judge_driver.c"];
  const { exitCode, stderr } = Bun.spawnSync([...argv, ...sources], {
    cwd: join(repoRoot, "native"),
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (exitCode !== 0) throw new Error(`Cannot compile the judge driver: ${stderr.toString()}`);
  return driver;
}

/** Rules without an agent and with at least one action the helper judges. */
function randomTable(random: Random): Capability[] {
  return Array.from({ length: 1 + random(3) }, () => randomCapabilities(random))
    .flat()
    .map((capability) => ({ ...capability, agent: undefined }))
    .filter(({ actions }) => judgedActions.some((action) => actions.includes(action)))
    .map((capability, index) => ({
      ...capability,
      origin: { ...capability.origin, rule: `r${index}` },
    }));
}

function toRule({ effect, actions, where }: Capability): JudgeRule {
  return { effect, where, actions: judgedActions.filter((action) => actions.includes(action)) };
}

/** Near the rules: their own paths, what lies below them, and what only looks alike. */
function randomAccess(random: Random, table: readonly Capability[]): Access {
  const action = pick(random, judgedActions);
  if (action === "NetConnect" || action === "NetBind")
    return {
      action,
      path: randomHostNear(random, table),
      port: pick(random, ports),
      protocol: pick(random, protocols),
    };
  const named = table
    .flatMap(({ where }) => where)
    .flatMap((atom) => ("path" in atom && /^(\/[^/]+)+$/.test(atom.path) ? [atom.path] : []))
    .filter((path) => !/\/\.\.?(\/|$)/.test(path));
  const base = named.length > 0 && random(3) > 0 ? pick(random, named) : randomPath(random);
  const path = pick(random, [base, base, `${base}/x`, `${base}x`, randomPath(random)]);
  return { action, path: path.replace(/^\/\//, "/"), port: undefined, protocol: undefined };
}

function toBytes(table: readonly Capability[], accesses: readonly Access[]): Buffer {
  const plan = encodePlan({
    namespaces: { user: false, mount: false, pid: false, net: false, ipc: false },
    mounts: [],
    landlock: undefined,
    seccomp: undefined,
    notify: undefined,
    rules: table.map(toRule),
    rlimits: [],
    umask: undefined,
    directory: "/",
    program: "/",
    argv: [""],
    environment: [],
  });
  const size = Buffer.alloc(4);
  size.writeUInt32LE(plan.length);
  const count = Buffer.alloc(4);
  count.writeUInt32LE(accesses.length);
  const asked = accesses.map(({ action, path, port, protocol }) => {
    const text = Buffer.from(path);
    const head = Buffer.alloc(6);
    head.writeUInt8(judgedActions.indexOf(action), 0);
    head.writeUInt8(protocol === undefined ? 0 : protocolNumbers[protocol], 1);
    head.writeUInt16LE(port ?? 0, 2);
    head.writeUInt16LE(text.length, 4);
    return Buffer.concat([head, text]);
  });
  return Buffer.concat([size, plan, count, ...asked]);
}

/** As the driver says it: rule * 2 + allowed, or the default denial. */
function expected(decide: ReturnType<typeof prepareDecider>["decide"], access: Access): number {
  const { action, path, port, protocol } = access;
  const host = port === undefined ? undefined : path;
  const { outcome, rule } = decide({
    action,
    agent: "agent",
    resource: { path, host, port, protocol },
  });
  if (rule === undefined) return 0xffffffff;
  return Number(rule.rule.slice(1)) * 2 + (outcome === "allow" ? 1 : 0);
}

test(
  "the helper judges as decide() does",
  async () => {
    const random = randomFrom(0x6a756467);
    const driver = compileDriver();
    let cases = 0;
    let judged = 0;
    let allowed = 0;
    let forbidden = 0;
    while (judged < tablesWanted) {
      const tables = Array.from({ length: 2000 }, () => randomTable(random));
      const asked = tables.map((table) =>
        Array.from({ length: accessesPerTable }, () => randomAccess(random, table)),
      );
      const input = Buffer.concat(tables.map((table, index) => toBytes(table, asked[index] ?? [])));
      const { stdout, exitCode } = Bun.spawnSync([driver], {
        stdio: [input, "pipe", "inherit"],
      });
      expect(exitCode).toBe(0);
      let at = 0;
      for (const [index, table] of tables.entries()) {
        const { decide } = prepareDecider({ version: 1, capabilities: table });
        for (const access of asked[index] ?? []) {
          const answer = stdout.readUInt32LE(at);
          at += 4;
          const wanted = expected(decide, access);
          if (answer !== wanted) throw new Error(JSON.stringify({ answer, wanted, access, table }));
          cases += 1;
          allowed += wanted !== 0xffffffff && wanted % 2 === 1 ? 1 : 0;
          forbidden += wanted !== 0xffffffff && wanted % 2 === 0 ? 1 : 0;
        }
      }
      expect(at).toBe(stdout.length);
      judged += tables.length;
    }
    expect(allowed).toBeGreaterThan(cases / 20);
    expect(forbidden).toBeGreaterThan(cases / 20);
    const counts = `${allowed} allowed, ${forbidden} forbidden`;
    console.log(`${cases} accesses in ${judged} tables: ${counts}, 0 disagreements`);
  },
  testMs,
);
