// Runs the sessions in *.txt against the built binary. A session is read top to bottom in one HOME
// and one working folder:
//
//   # a remark
//   file NAME        writes a file into the working folder; its lines follow, indented by two
//   $ aegis ...      runs a command; words are split at blanks, "..." keeps them together
//   env NAME=VALUE   for the commands that follow
//   < text           a line of the command's standard input
//   | text           a line of its standard output
//   ! text           a line of its standard error
//   = N              its exit status when it is not 0
//
// What differs from run to run is shown as $HOME, $CWD, <session>, <time>, <size> and <hash>.
// UPDATE_GOLDEN=1 rewrites the expected lines.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Outcome, spawnAegis } from "../support/harness.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

type Step =
  | { readonly kind: "verbatim"; readonly lines: readonly string[] }
  | { readonly kind: "file"; readonly lines: readonly string[]; readonly name: string }
  | {
      readonly kind: "run";
      readonly line: string;
      readonly stdin: string;
      readonly expected: readonly string[];
    };

describe("sessions of the built binary", () => {
  for (const name of readdirSync(import.meta.dir).filter((each) => each.endsWith(".txt"))) {
    test(
      name.replace(/\.txt$/, ""),
      async () => {
        const path = join(import.meta.dir, name);
        const written = readFileSync(path, "utf8");
        const played = await play(written);
        if (process.env.UPDATE_GOLDEN === "1") writeFileSync(path, played);
        else expect(played).toBe(written);
      },
      testMs,
    );
  }
});

/** The session's text with what the commands really said. */
async function play(text: string): Promise<string> {
  const home = tempDir("home");
  const cwd = tempDir("cwd");
  const env: Record<string, string> = { HOME: home };
  const lines: string[] = [];
  for (const step of parse(text)) {
    if (step.kind !== "run") {
      lines.push(...step.lines);
      for (const line of step.lines) {
        const [, name, value] = /^env (\w+)=(.*)$/.exec(line) ?? [];
        if (name !== undefined) env[name] = (value ?? "").replaceAll("$HOME", home);
      }
      if (step.kind === "file") writeInto(cwd, step.name, step.lines.slice(1));
      continue;
    }
    const argv = words(step.line.replaceAll("$HOME", home).replaceAll("$CWD", cwd));
    const outcome = await spawnAegis(argv.slice(1), { env, cwd, stdin: step.stdin });
    lines.push(step.line, ...stdinLines(step.stdin), ...outcomeLines(outcome, home, cwd));
  }
  return `${lines.join("\n")}\n`;
}

function parse(text: string): Step[] {
  const steps: Step[] = [];
  const lines = text.replace(/\n$/, "").split("\n");
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    const block = [line];
    const belongs = line.startsWith("$ ") ? /^[<|!=]/ : line.startsWith("file ") ? /^ {2}/ : /^$a/;
    for (at++; at < lines.length && belongs.test(lines[at] ?? ""); at++)
      block.push(lines[at] ?? "");
    if (line.startsWith("$ ")) {
      const stdin = block
        .filter((each) => each.startsWith("< "))
        .map((each) => `${each.slice(2)}\n`);
      steps.push({ kind: "run", line, stdin: stdin.join(""), expected: block.slice(1) });
    } else if (line.startsWith("file "))
      steps.push({ kind: "file", lines: block, name: line.slice(5) });
    else steps.push({ kind: "verbatim", lines: block });
  }
  return steps;
}

function words(line: string): string[] {
  const found = line.replace(/^\$ /, "").match(/"[^"]*"|\S+/g) ?? [];
  return found.map((word) => word.replaceAll(/^"|"$/g, ""));
}

function writeInto(folder: string, name: string, indented: readonly string[]): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, indented.map((line) => `${line.slice(2)}\n`).join(""));
}

function stdinLines(stdin: string): string[] {
  return stdin === ""
    ? []
    : stdin
        .trimEnd()
        .split("\n")
        .map((line) => `< ${line}`);
}

function outcomeLines({ stdout, stderr, exitCode }: Outcome, home: string, cwd: string): string[] {
  const mark = (sign: string, text: string) =>
    text === ""
      ? []
      : steady(text, home, cwd)
          .replace(/\n$/, "")
          .split("\n")
          .map((line) => `${sign} ${line}`.trimEnd());
  return [...mark("|", stdout), ...mark("!", stderr), ...(exitCode === 0 ? [] : [`= ${exitCode}`])];
}

function steady(text: string, home: string, cwd: string): string {
  return text
    .replaceAll(home, "$HOME")
    .replaceAll(cwd, "$CWD")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<session>")
    .replaceAll(/\b[0-9a-f]{8}:(\d+)/g, "<session>:$1")
    .replaceAll(/\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{3})?Z?)?)?/g, "<time>")
    .replaceAll(/\b\d+(\.\d)? (B|KB|MB)\b/g, "<size>")
    .replaceAll(/\b[0-9a-f]{64}\b|[A-Za-z0-9+/]{43}=/g, "<hash>");
}
