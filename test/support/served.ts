// The built binary as a server, under any of its names; stopped by whoever started it.

import { symlinkSync } from "node:fs";
import { aegisBinary, cleanEnvironment } from "./harness.ts";
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
  signal(name: NodeJS.Signals): void;
  stop(): Promise<number>;
}

/** A folder of its own with links to the binary, and what they find in their environment. */
export function linkedPrograms(environment: Readonly<Record<string, string>> = {}): Linked {
  const folder = tempDir("links");
  for (const name of ["aegisd", "aegisctl", "aegis"])
    symlinkSync(aegisBinary(), `${folder}/${name}`);
  const env = { HOME: tempDir("home"), PATH: process.env.PATH ?? "", ...environment };
  const spawn = (name: string, args: readonly string[]) =>
    Bun.spawn([`${folder}/${name}`, ...args], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
  return {
    folder,
    async run(name, ...args) {
      const child = spawn(name, args);
      const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      return { stdout, stderr, exitCode: await child.exited };
    },
    async start(name, ...args) {
      const child = spawn(name, args);
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
      if (greeting === "") {
        await collected;
        throw new Error(`${name} did not start: ${said}`);
      }
      return {
        greeting,
        said: () => said,
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

/** `aegis serve` on a free port, with this ledger. */
export async function serve(
  ledger: string,
  ...flags: readonly string[]
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const child = Bun.spawn([aegisBinary(), "serve", "--addr", ":0", "--ledger", ledger, ...flags], {
    env: cleanEnvironment(),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  for await (const piece of child.stderr) {
    said += new TextDecoder().decode(piece);
    const url = /http:\/\/[^\s]+/.exec(said)?.[0];
    if (url === undefined) continue;
    return {
      url,
      async stop() {
        child.kill("SIGTERM");
        await child.exited;
      },
    };
  }
  throw new Error(`it did not start: ${said}`);
}
