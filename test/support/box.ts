// Runs the attempts of test/fixtures/attempt.c in a real box, or bare, in each setting a machine
// offers: as root, as a plain user, and where no namespace can be made. The plan is made for what
// the helper finds in that setting.

import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { createFrameDecoder } from "../../src/bridge/decode-frames.ts";
import { encodePlan } from "../../src/bridge/encode-plan.ts";
import type { AccessFrame, FailedFrame, Frame, LimitFrame } from "../../src/bridge/frame.ts";
import type { BoxRequest } from "../../src/enforce/backend.ts";
import type { HostFeatures } from "../../src/enforce/linux/features.ts";
import { realDisk } from "../../src/enforce/linux/paths/disk.ts";
import { type LinuxPlan, planLinux } from "../../src/enforce/linux/plan.ts";
import { hostFeatures } from "../../src/enforce/linux/probe.ts";
import { type Gateway, type GatewayOptions, openGateway } from "../../src/gateway/gateway.ts";
import type { AccessPayload } from "../../src/model/event.ts";
import type { LimitPlan } from "../../src/model/limits.ts";
import { containerFilter } from "./container-calls.ts";
import { asPlainUser, giveToPlainUser, isRoot, repoRoot } from "./harness.ts";
import { permit, request, under } from "./ir.ts";
import { removeTree, tempDir } from "./temp.ts";

export interface Setting {
  readonly name:
    | "root"
    | "plain user"
    | "no namespaces"
    | "root, no namespaces"
    | "container"
    | "root, container";
  readonly isPlain: boolean;
  /** What a command is started through. */
  readonly through: (argv: readonly string[]) => string[];
}

/** Every setting the account running the tests can set up. */
export function settings(): readonly Setting[] {
  const plain = (argv: readonly string[]) => asPlainUser(argv);
  const bare = (argv: readonly string[]) => [...argv];
  const closed = (argv: readonly string[]) => [programs().noUserns, ...argv];
  return [
    ...(isRoot() ? [{ name: "root", isPlain: false, through: bare } as const] : []),
    { name: "plain user", isPlain: true, through: plain },
    { name: "no namespaces", isPlain: true, through: (argv) => plain(closed(argv)) },
    ...(isRoot()
      ? [{ name: "root, no namespaces", isPlain: false, through: closed } as const]
      : []),
  ];
}

/** What a container of default settings lets a process call, for whom this account can be. */
export function containers(): readonly Setting[] {
  const contained = (argv: readonly string[]) => [
    programs().withFilter,
    programs().container,
    ...argv,
  ];
  return [
    { name: "container", isPlain: true, through: (argv) => asPlainUser(contained(argv)) },
    ...(isRoot() ? [{ name: "root, container", isPlain: false, through: contained } as const] : []),
  ];
}

/** A fresh folder that belongs to whoever runs in `setting`. */
export function testFolder(setting: Setting): string {
  const folder = tempDir("box");
  return setting.isPlain ? giveToPlainUser(folder) : folder;
}

interface Programs {
  readonly folder: string;
  readonly attempt: string;
  readonly differ: string;
  readonly noUserns: string;
  readonly exhaust: string;
  readonly withFilter: string;
  /** What a container of default settings lets a process call, for `withFilter`. */
  readonly container: string;
}

const built: { programs?: Programs } = {};

/**
 * The fixtures, compiled once for each test process into a folder everybody can read and nobody
 * else can write.
 */
export function programs(): Programs {
  built.programs ??= compileAll();
  return built.programs;
}

function compileAll(): Programs {
  const folder = tempDir("fixtures");
  Bun.spawnSync(["chmod", "755", folder]);
  const compile = (name: string) => {
    const source = join(repoRoot, "test/fixtures", `${name}.c`);
    const out = join(folder, name);
    const { exitCode, stderr } = Bun.spawnSync(["cc", "-O1", "-static", "-o", out, source], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (exitCode !== 0) throw new Error(`cannot compile ${name}.c: ${stderr.toString()}`);
    return out;
  };
  const container = join(folder, "container");
  writeFileSync(container, containerFilter(), { mode: 0o644 });
  return {
    folder,
    container,
    withFilter: compile("with-filter"),
    attempt: compile("attempt"),
    differ: compile("differ"),
    noUserns: compile("no-userns"),
    exhaust: compile("exhaust"),
  };
}

export function helperBinary(): string {
  const named = process.env.AEGIS_HELPER;
  if (named !== undefined && named !== "") return named;
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const path = join(repoRoot, "build", `aegis-helper-${arch}`);
  if (!existsSync(path)) {
    const { exitCode, stderr } = Bun.spawnSync(["make", "-C", join(repoRoot, "native"), "all"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (exitCode !== 0) throw new Error(`cannot build the helper: ${stderr.toString()}`);
  }
  return path;
}

/** What the helper finds in a setting. */
export function probe(setting: Setting): HostFeatures {
  const { stdout, exitCode } = Bun.spawnSync(setting.through([helperBinary(), "probe"]));
  if (exitCode !== 0) throw new Error(`the probe failed with ${exitCode}`);
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  return hostFeatures(stdout.toString(), { arch, isRoot: !setting.isPlain });
}

export interface BoxResult {
  /** One per attempt: "ok" or the name of an error or signal. */
  readonly answers: readonly string[];
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly accesses: readonly AccessFrame[];
  readonly limits: readonly LimitFrame[];
  readonly failed: FailedFrame | undefined;
  readonly planned: LinuxPlan;
  /** What the gateway recorded, where the plan asked for one. */
  readonly connections: readonly AccessPayload[];
}

export interface BoxOptions extends Partial<Omit<BoxRequest, "capabilities">> {
  /** Working directory; default `/`. */
  readonly directory?: string;
  readonly environment?: readonly string[];
  /** Default: the attempts of the fixture. */
  readonly argv?: readonly string[];
  readonly limits?: (planned: LinuxPlan) => LimitPlan;
  /** Addresses of a name, for the gateway; default: none has any. */
  readonly resolve?: (name: string) => readonly string[] | Promise<readonly string[]>;
  readonly secrets?: Pick<GatewayOptions, "credentials" | "authorities">;
}

/** What the fixture itself needs. */
export function fixtureRules(): BoxRequest["capabilities"]["capabilities"] {
  return [permit("read ProcessSpawn", under(programs().folder)), permit("read", under("/proc"))];
}

/** Makes a plan, runs `attempts` in the box of it and collects what was answered and recorded. */
export async function runBox(
  setting: Setting,
  capabilities: BoxRequest["capabilities"]["capabilities"],
  attempts: readonly string[],
  options: BoxOptions = {},
): Promise<BoxResult> {
  const {
    directory = "/",
    environment = ["PATH=/usr/bin:/bin"],
    argv,
    resolve,
    secrets,
    limits,
    ...asked
  } = options;
  const all = [...fixtureRules(), ...capabilities];
  const planned = planLinux(
    request(all, { workspace: directory, ...asked }),
    probe(setting),
    realDisk(),
  );
  if (!planned.ok) throw new Error(planned.error.map(({ message }) => message).join("; "));
  const words = argv ?? [programs().attempt, ...attempts];
  const program = words[0] ?? "";
  const command = { directory, program, argv: words, environment };
  const connections: AccessPayload[] = [];
  const gateway = await gatewayFor(planned.value, connections, resolve, secrets);
  const bytes = encodePlan({
    ...planned.value.plan,
    ...command,
    ...(gateway === undefined ? {} : { gateway }),
    ...(limits === undefined ? {} : { limits: limits(planned.value) }),
  });
  const run = await runHelper(setting, bytes);
  await gateway?.close();
  return { ...run, answers: answersOf(run.stdout), planned: planned.value, connections };
}

async function gatewayFor(
  { network }: LinuxPlan,
  connections: AccessPayload[],
  resolve: BoxOptions["resolve"] = () => [],
  secrets: BoxOptions["secrets"] = {},
): Promise<Gateway | undefined> {
  if (network === undefined) return undefined;
  return openGateway({
    ...secrets,
    capabilities: network,
    agent: "agent",
    clock: systemClock,
    record: (events) => {
      connections.push(...events.map(({ payload }) => payload));
    },
    resolve: async (name) => resolve(name),
  });
}

/** The same attempts without a box. */
export function runBare(setting: Setting, attempts: readonly string[]): readonly string[] {
  const { stdout } = Bun.spawnSync(setting.through([programs().attempt, ...attempts]), {
    stdin: "ignore",
    cwd: "/",
  });
  return answersOf(stdout.toString());
}

function answersOf(stdout: string): string[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/^\d+ /, ""));
}

async function runHelper(setting: Setting, plan: Uint8Array) {
  const folder = tempDir("run");
  writeFileSync(`${folder}/plan`, plan);
  writeFileSync(`${folder}/frames`, "");
  const plan_ = openSync(`${folder}/plan`, "r");
  const frames = openSync(`${folder}/frames`, "w");
  const child = Bun.spawn(setting.through([helperBinary()]), {
    stdio: ["ignore", "pipe", "pipe", plan_, frames],
    cwd: "/",
    env: {},
  });
  closeSync(plan_);
  closeSync(frames);
  const [stdout, stderr, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  const decoder = createFrameDecoder();
  const all: Frame[] = decoder.push(new Uint8Array(readFileSync(`${folder}/frames`)));
  decoder.end();
  removeTree(folder);
  const accesses = all.filter((frame) => frame.kind === "access");
  const limits = all.filter((frame) => frame.kind === "limit");
  const failed = all.find((frame) => frame.kind === "failed");
  return { stdout, stderr, status, accesses, limits, failed };
}
