// The question of `--ask` at the terminal: who wants what, what each key means, and no for whatever
// is no answer. The terminal is shared with the command, so what was typed before the question
// stood there counts for nothing, and nothing is read once it is answered.

import { askGuardMs, askLookMs, askTimeoutMs } from "../base/limits.ts";
import type { AbsPath } from "../base/paths.ts";
import { openTerminal, type Terminal } from "../bridge/terminal.ts";
import type { Prompt, PromptAnswer, PromptQuestion } from "../supervise/asking.ts";
import { writeErr } from "./output.ts";
import { escapeControls } from "./render/text.ts";
import { type Turn, takeTurn } from "./terminal-turn.ts";

/**
 * Without a terminal everything is denied, and that is said once.
 * @param turns folder in which launches at one terminal take turns
 */
export function terminalPrompt(turns: AbsPath): Prompt {
  const terminal = openTerminal();
  const closing = new AbortController();
  let hasComplained = false;
  let isAsking = false;
  const complain = (why: string): PromptAnswer => {
    if (!hasComplained) writeErr(`aegis: cannot ask: ${why}; what no rule allows is denied\n`);
    hasComplained = true;
    return "unasked";
  };
  return {
    async ask(question, signal) {
      if (terminal === undefined) return complain("there is no terminal");
      if (!terminal.isOurs()) return complain(taken);
      const over = AbortSignal.any([signal, closing.signal]);
      const turn = await turnAt(terminal, turns, over).catch(String);
      if (typeof turn === "string") return complain(turn);
      if (turn === undefined) return over.aborted ? "unasked" : "timeout";
      try {
        // Another job may have got it while others were asked.
        if (!terminal.isOurs()) return complain(taken);
        terminal.enter();
        isAsking = true;
        const answer = await answerTo(terminal, question, over);
        if (closing.signal.aborted) return "unasked";
        terminal.write(`${signal.aborted ? "withdrawn" : outcomes[answer]}\n`);
        terminal.leave();
        isAsking = false;
        return answer;
      } finally {
        turn.end();
      }
    },
    close() {
      closing.abort();
      if (terminal === undefined || !isAsking) return;
      terminal.write("withdrawn\n");
      terminal.leave();
      isAsking = false;
    },
    tell(sentence) {
      terminal?.write(`aegis: ${escapeControls(sentence)}\n`);
    },
  };
}

async function turnAt(
  { number }: Terminal,
  turns: AbsPath,
  signal: AbortSignal,
): Promise<Turn | undefined> {
  // ignored: there is nothing to take turns by, so that two launches at once are asked at once
  return number === undefined ? { end: () => undefined } : takeTurn(turns, number, signal);
}

const taken = "another job has the terminal";

/** Whether `--ask` has somebody to ask. */
export function hasTerminal(): boolean {
  const terminal = openTerminal();
  terminal?.close();
  return terminal !== undefined;
}

const outcomes: Readonly<Record<PromptAnswer, string>> = {
  no: "denied",
  once: "allowed once",
  session: "allowed for this session",
  always: "allowed for good",
  folder: "allowed for this session, with everything in the folder",
  deny: "denied for this session",
  quit: "denied, and nothing more is asked",
  unasked: "denied",
  timeout: "denied: there was no answer",
};

async function answerTo(
  terminal: Terminal,
  question: PromptQuestion,
  signal: AbortSignal,
): Promise<PromptAnswer> {
  terminal.write(questionText(question));
  await Bun.sleep(askGuardMs);
  terminal.flush();
  let isInSequence = false;
  for (let waited = 0; waited < askTimeoutMs && !signal.aborted; waited += askLookMs) {
    const typed = terminal.read();
    if (typed === undefined) return "unasked";
    const answer = isInSequence ? undefined : answerOf(typed, question);
    if (answer !== undefined) return answer;
    // The rest of an arrow key may come a moment later.
    isInSequence = typed.includes("\x1b");
    await Bun.sleep(askLookMs);
  }
  return signal.aborted ? "no" : "timeout";
}

/** The first key that means something; none does beside one that sends more than a character. */
export function answerOf(typed: string, question: PromptQuestion): PromptAnswer | undefined {
  if (typed.includes("\x1b")) return undefined;
  for (const key of typed.toLowerCase()) {
    const { isRepeatable, alwaysIn, folder } = question;
    if ("n\r\n\x03\x04".includes(key)) return "no";
    if (key === "q") return "quit";
    if (key === "o") return "once";
    if (key === "s" && isRepeatable) return "session";
    if (key === "d" && isRepeatable) return "deny";
    if (key === "a" && alwaysIn !== undefined) return "always";
    if (key === "f" && folder !== undefined) return "folder";
  }
  return undefined;
}

export function questionText(question: PromptQuestion): string {
  const { path, connection, pid, exe, isRepeatable, alwaysIn, folder } = question;
  const program = quoted(exe === "" ? "?" : exe);
  const lines = [
    "",
    `aegis: ${program} (process ${pid}) wants to ${wish(question)}`,
    `    ${quoted(path)}`,
    ...(connection === undefined ? [] : peerLines(connection)),
    ...deedLines(question),
    "  No rule of the policy allows it, and none forbids it.",
    "  o  yes, this once",
    ...(isRepeatable ? ["  s  yes, whenever it is asked for in this session"] : []),
    ...(folder === undefined
      ? []
      : [`  f  yes, with everything in ${quoted(folder)}, this session`]),
    ...(alwaysIn === undefined ? [] : [`  a  always: adds a line to ${quoted(alwaysIn)}`]),
    "  n  no (also Enter and ^C)",
    ...(isRepeatable ? ["  d  no, for the whole session"] : []),
    "  q  no, and ask nothing more",
  ];
  return `${lines.join("\n")}\nallow? [n] `;
}

/** A backslash of a name is doubled, so that none can pass for one of ours. */
function quoted(text: string): string {
  return `"${escapeControls(text.replaceAll("\\", "\\\\")).replaceAll('"', '\\"')}"`;
}

function peerLines({ name, kind }: NonNullable<PromptQuestion["connection"]>): readonly string[] {
  return [
    ...(name === undefined ? [] : [`  This is an address of ${quoted(name)}.`]),
    ...(kind === undefined ? [] : [`  The address is ${kind}.`]),
  ];
}

/** What a name of an action does not say. */
function deedLines({ actions, deed, other = "" }: PromptQuestion): readonly string[] {
  const sentence = deed === undefined ? undefined : sentences[deed];
  if (sentence === undefined || actions.includes("DirCreate")) return [];
  return [`  ${sentence.replace("%", () => quoted(other))}`];
}

const sentences: Readonly<Record<NonNullable<PromptQuestion["deed"]>, string | undefined>> = {
  open: undefined,
  remove: undefined,
  make: "It is not there yet.",
  move: "It would be moved to %, with all that is in it.",
  arrive: "It would be what is %, and is replaced if it is there.",
  link: "It would get a second name, %.",
  "be-linked": "It would be a second name of %.",
  point: "It would be a symbolic link to %.",
  size: "Its size would be changed.",
  mode: "Its mode would be changed.",
  owner: "Its owner or group would be changed.",
  times: "Its times would be changed.",
  attribute: "An attribute of it would be changed.",
  connect: "It is a socket: who listens there may do for a caller what this box may not.",
};

function wish({ actions, deed }: PromptQuestion): string {
  if (deed === "connect") return wishes.NetConnect;
  return actions.map((action) => wishes[action]).join(" and ");
}

const wishes: Readonly<Record<PromptQuestion["actions"][number], string>> = {
  FileRead: "read",
  FileWrite: "write",
  FileDelete: "delete",
  DirCreate: "make the folder",
  DirList: "list the folder",
  ProcessSpawn: "run",
  NetConnect: "connect to",
};
