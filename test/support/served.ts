// The built binary as a server, under any of its names; stopped by whoever started it.

import { symlinkSync } from "node:fs";
import { endWithTests } from "./endings.ts";
import { aegisBinary, cleanEnvironment, waitFor } from "./harness.ts";
import { conditionMs, programMs } from "./patience.ts";
import { tempDir } from "./temp.ts";

export interface Program {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface Linked {
  readonly folder: string;
  /** Runs the binary through its link of that name, in `folder`, to its end. */
  run(name: string, ...args: readonly string[]): Promise<Program>;
  start(name: string, ...args: readonly string[]): Promise<Served>;
}

export interface Served {
  /** What it said on standard output until it listened. */
  readonly greeting: string;
  /** Everything on standard error so far. */
  said(): string;
  /** Waits for it to have said that, and gives the first group of the match, or all of it. */
  says(wanted: RegExp): Promise<string>;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<number>;
}

/** A folder of its own with links to the binary, and what they find in their environment. */
export function linkedPrograms(environment: Readonly<Record<string, string>> = {}): Linked {
  const folder = tempDir("links");
  for (const name of ["aegisd", "aegisctl", "aegis"])
    symlinkSync(aegisBinary(), `${folder}/${name}`);
  const env = { HOME: tempDir("home"), PATH: process.env.PATH ?? "", ...environment };
  const spawn = (name: string, args: readonly string[], timeout?: number) =>
    Bun.spawn([`${folder}/${name}`, ...args], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      ...(timeout === undefined ? {} : { timeout }),
      killSignal: "SIGKILL",
    });
  return {
    folder,
    async run(name, ...args) {
      const child = spawn(name, args, programMs);
      const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      return { stdout, stderr, exitCode: await child.exited };
    },
    async start(name, ...args) {
      const child = spawn(name, args);
      endWithTests(child);
      const late = setTimeout(() => child.kill("SIGKILL"), conditionMs);
      let said = "";
      const collect = async (): Promise<void> => {
        const decoder = new TextDecoder();
        for await (const piece of child.stderr) said += decoder.decode(piece, { stream: true });
      };
      const collected = collect();
      const reader = child.stdout.getReader();
      let greeting = "";
      while (!greeting.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) break;
        greeting += new TextDecoder().decode(value);
      }
      clearTimeout(late);
      if (greeting === "") {
        await collected;
        throw new Error(`${name} did not start: ${said}`);
      }
      return {
        greeting,
        said: () => said,
        says: (wanted) => waitFor(`${wanted} from ${name}`, () => firstPart(wanted, said)),
        signal: (name) => child.kill(name),
        async stop() {
          child.kill("SIGTERM");
          const status = await child.exited;
          await collected;
          return status;
        },
      };
    },
  };
}

function firstPart(wanted: RegExp, text: string): string | undefined {
  const [all, part = all] = wanted.exec(text) ?? [];
  return part;
}

/** `aegis serve` that listens. */
export interface ServedProcess {
  readonly url: string;
  readonly pid: number;
  /** Everything on standard error so far. */
  said(): string;
  /** @returns its exit status, once everything it said was heard */
  kill(signal: NodeJS.Signals): Promise<number>;
  stop(): Promise<number>;
}

/** `aegis serve` on a free port, with this ledger and a home of its own. */
export function serve(ledger: string, ...flags: readonly string[]): Promise<ServedProcess> {
  return serveAs(cleanEnvironment(), ledger, ...flags);
}

/** For the user of this environment: only his own servers decide about his approvals. */
export function serveAs(
  env: Record<string, string>,
  ledger: string,
  ...flags: readonly string[]
): Promise<ServedProcess> {
  return startServe(env, ["--ledger", ledger, ...flags]);
}

/** @param before words in front of the command */
export async function startServe(
  env: Record<string, string>,
  flags: readonly string[],
  before: readonly string[] = [],
): Promise<ServedProcess> {
  const command = [...before, aegisBinary(), "serve", "--addr", ":0", ...flags];
  const child = Bun.spawn(command, { env, stdio: ["ignore", "ignore", "pipe"] });
  endWithTests(child);
  const late = setTimeout(() => child.kill("SIGKILL"), conditionMs);
  let said = "";
  const listening = Promise.withResolvers<string>();
  const collect = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const piece of child.stderr) {
      said += decoder.decode(piece, { stream: true });
      const url = /http:\/\/\S+(?=\s)/.exec(said)?.[0];
      if (url !== undefined) listening.resolve(url);
    }
    listening.reject(new Error(`it did not start: ${said}`));
  };
  const collected = collect();
  const kill = async (signal: NodeJS.Signals): Promise<number> => {
    child.kill(signal);
    const status = await child.exited;
    await collected;
    return status;
  };
  const url = await listening.promise;
  clearTimeout(late);
  return { url, pid: child.pid, said: () => said, kill, stop: () => kill("SIGTERM") };
}
