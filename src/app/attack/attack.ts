// `aegis setup --attack`: the techniques of rows.ts once without a box and once in one with
// the default policy. What they may touch is made for them and removed afterwards.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import { resolvePath } from "../../base/paths.ts";
import { attackProgram } from "../../bridge/helper.ts";
import { aegisPaths, privateDirectory } from "../../config/location.ts";
import { selectBackend } from "../../enforce/select.ts";
import { accessSources } from "../launch/access-sources.ts";
import type { Surroundings } from "../surroundings.ts";
import { defaultRequest } from "../survey.ts";
import { type AttackRow, attackRows } from "./rows.ts";

export interface AttackResult {
  readonly name: string;
  readonly what: string;
  /** `unproven`: it does not work without a box either, so that it failed says nothing. */
  readonly outcome: "held" | "open" | "unproven";
}

interface Ground extends AsyncDisposable {
  readonly workspace: string;
  readonly values: Readonly<Record<string, string>>;
}

/** @throws {AegisError} when there is no box to attack */
export async function attack(around: Surroundings): Promise<readonly AttackResult[]> {
  const program = await attackProgram();
  const bare = await runBare(around, program);
  const boxed = await runBoxed(around, program);
  return attackRows.map(({ name, what }) => ({ name, what, outcome: judge(name, bare, boxed) }));
}

type Answers = ReadonlyMap<string, string>;

function judge(name: string, bare: Answers, boxed: Answers): AttackResult["outcome"] {
  const answer = boxed.get(name);
  if (answer === undefined)
    throw new AegisError("enforce/helper", `Cannot tell whether "${name}" held: it said nothing`);
  if (answer === "worked") return "open";
  return bare.get(name) === "worked" && answer !== "absent" ? "held" : "unproven";
}

async function runBare(around: Surroundings, program: Uint8Array): Promise<Answers> {
  await using ground = await layGround(around, program);
  const child = Bun.spawn([`${ground.workspace}/attack`, ...batchOf(ground)], {
    cwd: ground.workspace,
    env: {},
    stdio: ["ignore", "ignore", "ignore"],
  });
  await child.exited;
  return answersOf(ground);
}

async function runBoxed(around: Surroundings, program: Uint8Array): Promise<Answers> {
  await using ground = await layGround(around, program);
  const helperDirectory = resolvePath(aegisPaths(around.environment).home, "cache/helper");
  const backend = await selectBackend(helperDirectory, () => accessSources(around.clock));
  const box = await backend.prepare(await defaultRequest(around, ground.workspace));
  const running = await backend.launch(
    box,
    {
      program: `${ground.workspace}/attack`,
      argv: ["attack", ...batchOf(ground)],
      environment: ["PATH=/usr/bin:/bin"],
      directory: ground.workspace,
      stdoutToStderr: true,
    },
    () => {},
  );
  const { failure } = await running.exited;
  if (failure !== undefined)
    throw new AegisError("enforce/helper", `Cannot attack the box: ${failure.message}`);
  return answersOf(ground);
}

function batchOf({ workspace }: Ground): string[] {
  return ["batch", `${workspace}/attacks`, `${workspace}/answers`];
}

/** `worked`, `blocked` and so on by name. */
function answersOf({ workspace }: Ground): Answers {
  const lines = readFileSync(`${workspace}/answers`, "utf8").split("\n");
  return new Map(
    lines.map((line) => {
      const [name = "", answer = ""] = line.split(" ");
      return [name, answer];
    }),
  );
}

async function layGround(around: Surroundings, program: Uint8Array): Promise<Ground> {
  const { home } = aegisPaths(around.environment);
  privateDirectory(home);
  const workspace = mkdtempSync(`${tmpdir()}/aegis-attack-`);
  const outside = resolvePath(home, `attack-${uniqueSuffix()}`);
  privateDirectory(outside);
  for (const name of ["file", "removable", "movable"])
    writeFileSync(`${outside}/${name}`, "nothing\n", { mode: 0o600 });
  mkdirSync(`${workspace}/.git/hooks`, { recursive: true });
  writeFileSync(`${workspace}/.git/HEAD`, "ref: refs/heads/main\n");
  writeFileSync(`${workspace}/attack`, program, { mode: 0o700 });
  const tcp = await listen({ host: "127.0.0.1", port: 0 });
  const local = await listen({ path: `${outside}/socket` });
  const victim = Bun.spawn(["/bin/sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] });
  const values = {
    in: workspace,
    out: outside,
    tcp: String(tcp.port),
    socket: `${outside}/socket`,
    pid: String(victim.pid),
  };
  writeFileSync(`${workspace}/attacks`, attackRows.map((row) => lineOf(row, values)).join(""));
  return {
    workspace,
    values,
    [Symbol.asyncDispose]: async () => {
      victim.kill("SIGKILL");
      await victim.exited;
      tcp.close();
      local.close();
      for (const path of [workspace, outside]) rmSync(path, { recursive: true, force: true });
    },
  };
}

const secondsEach = 5;

function lineOf({ name, words }: AttackRow, values: Readonly<Record<string, string>>): string {
  const filled = words.map((word) =>
    word.replaceAll(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole),
  );
  return `${[name, secondsEach, ...filled].join("\t")}\n`;
}

interface Listener {
  readonly port: number;
  close(): void;
}

function listen(where: { host: string; port: number } | { path: string }): Promise<Listener> {
  const { promise, resolve, reject } = Promise.withResolvers<Listener>();
  const server = createServer((socket) => socket.destroy());
  server.once("error", reject);
  server.listen(where, () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    resolve({ port, close: () => server.close() });
  });
  return promise;
}
