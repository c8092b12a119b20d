// What becomes of the changes of a dry run: by flag, else asked on the terminal, else discarded and
// said so. Answers come from the terminal itself, never from the command's own input.

import { closeSync, existsSync, openSync, readSync, writeSync } from "node:fs";
import type { ChangeView, DryRunChoice, DryRunDecision } from "../app/dry-run/choice.ts";
import { AegisError } from "../base/errors.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import { forgetInput } from "../bridge/forget-input.ts";
import { changeLines, changeSummary } from "./render/dry-run.ts";

export interface DryRunFlags {
  readonly dryRun: boolean;
  readonly commit: boolean;
  readonly discard: boolean;
  readonly keep: string | undefined;
}

/** Undefined: no dry run. @throws {AegisError} `usage` when the flags contradict each other */
export function dryRunChoice(flags: DryRunFlags, directory: AbsPath): DryRunChoice | undefined {
  const { commit, discard, keep } = flags;
  const given = [commit, discard, keep !== undefined].filter(Boolean).length;
  if (!flags.dryRun) {
    if (given === 0) return undefined;
    throw new AegisError("usage", "Cannot decide on changes without a dry run", {
      hint: "add --dry-run",
    });
  }
  if (given > 1) {
    throw new AegisError("usage", "Cannot do more than one thing with the changes", {
      hint: "give one of --commit, --discard and --keep",
    });
  }
  if (keep !== undefined) return always({ kind: "keep", folder: newFolder(keep, directory) });
  if (commit || discard) return always({ kind: commit ? "commit" : "discard" });
  return { decide: (changes) => askFor(changes, directory) };
}

function always(decision: DryRunDecision): DryRunChoice {
  return { decide: () => decision };
}

function newFolder(text: string, directory: AbsPath): AbsPath {
  const folder = resolvePath(directory, text);
  if (!existsSync(folder)) return folder;
  throw new AegisError("usage", `Cannot keep the changes in "${folder}": it is there already`, {
    hint: "name a folder that is not there yet",
  });
}

/** Changes shown before the question; `show` shows all of them. */
const firstShown = 40;

function askFor(changes: readonly ChangeView[], directory: AbsPath): DryRunDecision {
  const terminal = openTerminal();
  if (terminal === undefined) return { kind: "discard" };
  const say = (text: string) => writeSync(terminal, text);
  try {
    say(`aegis: Dry run: ${changeSummary(changes)}\n${listing(changes, firstShown)}`);
    for (;;) {
      // What the command, or the terminal in its name, left there to be read is no answer.
      if (!forgetInput(terminal)) return { kind: "discard" };
      say("aegis: [c]ommit, [d]iscard, [s]how all, [k]eep in a folder? ");
      const answer = readLine(terminal);
      if (answer === undefined) return { kind: "discard" };
      const [word = "", ...rest] = answer.trim().split(" ");
      if (word === "c" || word === "commit") return { kind: "commit" };
      if (word === "d" || word === "discard") return { kind: "discard" };
      if (word === "s" || word === "show") say(listing(changes, changes.length));
      if (word === "k" || word === "keep") {
        const folder = rest.join(" ").trim() || askFolder(say, terminal);
        const path = resolvePath(directory, folder);
        if (folder !== "" && !existsSync(path)) return { kind: "keep", folder: path };
        say("aegis: name a folder that is not there yet\n");
      }
    }
  } finally {
    closeSync(terminal);
  }
}

function askFolder(say: (text: string) => void, terminal: number): string {
  say("aegis: folder to keep them in, not there yet: ");
  return readLine(terminal)?.trim() ?? "";
}

function listing(changes: readonly ChangeView[], most: number): string {
  const lines = changeLines(changes.slice(0, most));
  const more = changes.length - most;
  if (more > 0) lines.push(`aegis:   and ${more} more`);
  return `${lines.join("\n")}\n`;
}

function openTerminal(): number | undefined {
  try {
    return openSync("/dev/tty", "r+");
  } catch {
    // ignored: without a terminal nobody can be asked
    return undefined;
  }
}

/** Undefined at the end of input. */
function readLine(fd: number): string | undefined {
  const bytes: number[] = [];
  const one = Buffer.alloc(1);
  for (;;) {
    if (readSync(fd, one, 0, 1, null) === 0) return undefined;
    // The command may have left the terminal without its translation of the return key.
    if (one[0] === 0x0a || one[0] === 0x0d) return Buffer.from(bytes).toString();
    bytes.push(one[0] ?? 0);
  }
}
