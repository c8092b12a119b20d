// Runs http-load.c, which sends one kind of request over many connections, and reads its figures.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../test/support/temp.ts";

export interface Load {
  readonly requests: number;
  /** Answers with a status that is no 2xx. */
  readonly errors: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** The first number that `@N` has not stood for yet. */
  readonly next: number;
}

const built = new Map<"program", string>();

/** Compiled on first use. */
function loadProgram(): string {
  const known = built.get("program");
  if (known !== undefined) return known;
  const folder = tempDir("http-load");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, "http-load");
  const source = join(import.meta.dir, "http-load.c");
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-O2", "-Wall", "-o", program, source]);
  if (exitCode !== 0) throw new Error(`Cannot compile ${source}: ${stderr}`);
  built.set("program", program);
  return program;
}

/** @throws when the server closes a connection or does not answer */
export async function runLoad(
  { port, path, body }: { readonly port: number; readonly path: string; readonly body: string },
  {
    connections,
    seconds,
    first,
  }: { readonly connections: number; readonly seconds: number; readonly first: number },
): Promise<Load> {
  const program = loadProgram();
  const file = join(tempDir("http-load-body"), "body");
  writeFileSync(file, body);
  const numbers = [connections, seconds].map(String);
  const child = Bun.spawn([program, String(port), path, ...numbers, file, String(first)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`Cannot load ${path}: ${stderr}`);
  const said: Record<string, number> = JSON.parse(stdout);
  const { requests = 0, errors = 0, seconds: spent = 0, p50 = 0, p99 = 0, next = 0 } = said;
  return { requests, errors, seconds: spent, p50Us: p50, p99Us: p99, next };
}
