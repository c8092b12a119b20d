// Holds several stopwatch processes (timer.c) and asks them in turn, so that figures that are
// compared were taken in the same second. A stopwatch runs wherever its command line puts it: bare,
// in a box, under strace.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** One thing that is measured. */
export interface Subject {
  readonly name: string;
  /** Starts the stopwatch; `timer run CMD...` somewhere in it. */
  readonly argv: readonly string[];
  /** Measured only in every n-th round, because it is slow. Default 1. */
  readonly every?: number;
}

/** Nanoseconds by round, so that rows can be paired; a round the subject sat out is undefined. */
export interface Samples {
  readonly name: string;
  readonly byRound: readonly (number | undefined)[];
  /** Processor time of the command and what it waited for; empty where that says nothing. */
  readonly cpu: readonly number[];
}

export interface Setting {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly rounds: number;
  /** Puts the directory back to where it was; not measured, and runs before every measurement. */
  readonly reset?: (subject: string) => void | Promise<void>;
}

interface Measurement {
  readonly nanoseconds: number;
  readonly cpu: number;
}

interface Stopwatch {
  readonly subject: Subject;
  measure(): Promise<Measurement>;
  close(): Promise<void>;
}

/** Compiles timer.c. @returns the path of the program */
export function buildTimer(directory: string): string {
  return compileC("timer", directory);
}

/** Compiles `NAME.c` of this folder. @returns the path of the program */
export function compileC(name: "timer" | "continue", directory: string): string {
  mkdirSync(directory, { recursive: true });
  const program = join(directory, name);
  const source = join(import.meta.dir, `${name}.c`);
  const built = Bun.spawnSync(["cc", "-O2", "-Wall", "-o", program, source]);
  if (built.exitCode !== 0) throw new Error(`Cannot compile ${source}: ${built.stderr}`);
  return program;
}

/**
 * Measures every subject once per round, always in the same order, after one round that does not
 * count.
 */
export async function interleave(
  subjects: readonly Subject[],
  setting: Setting,
): Promise<Samples[]> {
  const watches = subjects.map((subject) => startStopwatch(subject, setting));
  const rows = subjects.map(({ name }) => {
    const byRound: (number | undefined)[] = [];
    const cpu: number[] = [];
    return { name, byRound, cpu };
  });
  try {
    for (const watch of watches) {
      await setting.reset?.(watch.subject.name);
      await watch.measure();
    }
    for (let round = 0; round < setting.rounds; round += 1) {
      for (const [index, watch] of watches.entries()) {
        const row = rows[index];
        const isDue = round % (watch.subject.every ?? 1) === 0;
        if (!isDue) row?.byRound.push(undefined);
        if (!isDue) continue;
        await setting.reset?.(watch.subject.name);
        const measured = await watch.measure();
        row?.byRound.push(measured.nanoseconds);
        if (measured.cpu > 0) row?.cpu.push(measured.cpu);
      }
    }
  } finally {
    for (const watch of watches) await watch.close();
  }
  return rows;
}

function startStopwatch(subject: Subject, setting: Setting): Stopwatch {
  const child = Bun.spawn([...subject.argv], {
    cwd: setting.directory,
    env: { ...setting.env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const answers = linesOf(child.stdout);
  return {
    subject,
    async measure() {
      child.stdin.write("go\n");
      await child.stdin.flush();
      const { value, done } = await answers.next();
      if (done === true) throw new Error(`Cannot measure "${subject.name}": its stopwatch ended`);
      const [nanoseconds, cpu, status] = value.split(" ").map(Number);
      if (nanoseconds === undefined || cpu === undefined || status !== 0) {
        throw new Error(`Cannot measure "${subject.name}": the command ended with ${value}`);
      }
      return { nanoseconds, cpu };
    },
    async close() {
      child.stdin.end();
      await child.exited;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of stream) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split("\n");
    pending = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}
