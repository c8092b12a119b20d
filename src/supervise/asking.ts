// What becomes of an access that no rule is about: the answer given before, a question to a person,
// or a plain no. One question is shown at a time, others wait, and there are never more than a
// person could mind. Paths and programs are chosen by the box; what shows them makes them safe.

import type { Clock } from "../base/clock.ts";
import { asksPerSecondMax, asksWaitingMax, askWithdrawnMs } from "../base/limits.ts";
import { type AbsPath, absPath, contains, parentOf } from "../base/paths.ts";
import type { Answer, AskHandler, Question } from "../enforce/backend.ts";
import type { AskedPayload, EventDraft } from "../model/event.ts";

/**
 * `deny`: no, for the session; `quit`: no, and ask no more; `unasked`: nobody could be asked;
 * `timeout`: nobody answered.
 */
export type PromptAnswer = Exclude<Answer, "unasked"> | "deny" | "quit" | "unasked" | "timeout";

export interface PromptQuestion extends Question {
  /** File that `always` would add a line to; undefined: it cannot be had. */
  readonly alwaysIn: string | undefined;
  /** Folder that `folder` would open; undefined: it is not offered. */
  readonly folder: string | undefined;
  /** The answer may be remembered. */
  readonly isRepeatable: boolean;
}

/** Who puts a question to a person. */
export interface Prompt {
  /** Must not throw. `signal`: the question is no longer of interest, whatever is answered. */
  ask(question: PromptQuestion, signal: AbortSignal): Promise<PromptAnswer>;
  /** What became of the last answer, in one sentence. */
  tell(sentence: string): void;
  /** Gives the terminal back, also in the middle of a question. */
  close(): void;
}

/** Makes answers last beyond the session. */
export interface AlwaysFile {
  readonly path: string;
  /** Throws with a sentence for people when it cannot be written. */
  write(question: Question): void;
}

export interface AskingOptions {
  readonly prompt: Prompt;
  readonly always: AlwaysFile | undefined;
  /** What is never asked about: aegis' own state. */
  readonly ownPaths: readonly string[];
  readonly clock: Clock;
  /** Takes the record of a question before its answer has an effect. */
  readonly note: (draft: EventDraft) => void;
}

/** Everybody who waits for the answer to one and the same question. */
interface Group {
  readonly question: Question;
  readonly key: string;
  readonly waiters: Set<(answer: Answer) => void>;
  readonly controller: AbortController;
}

export function createAsking(options: AskingOptions): AskHandler {
  const asking = new Asking(options);
  return (question, signal) => asking.answer(question, signal);
}

class Asking {
  readonly #options: AskingOptions;
  readonly #memory = createMemory();
  /** In the order they will be shown. */
  readonly #groups = new Map<string, Group>();
  readonly #isWithinRate: () => boolean;
  #isShowing = false;
  #hasQuit = false;

  constructor(options: AskingOptions) {
    this.#options = options;
    this.#isWithinRate = rateLimit(options.clock);
  }

  answer(question: Question, signal: AbortSignal): Promise<Answer> {
    const known = this.#memory.find(question);
    if (known !== undefined) return Promise.resolve(known);
    const { actions, path, pid, isGarbled, deed = "", other = "" } = question;
    if (this.#hasQuit || this.#options.ownPaths.some((own) => touches(question, own)))
      return Promise.resolve("unasked");
    const key = `${actions.join(" ")}\0${path}\0${deed}\0${other}\0${isGarbled ? pid : ""}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size >= asksWaitingMax || !this.#isWithinRate())
        return Promise.resolve("unasked");
      group = { question, key, waiters: new Set(), controller: new AbortController() };
      this.#groups.set(key, group);
    }
    const answer = this.#join(group, signal);
    this.#showAll();
    return answer;
  }

  /** A caller that is interrupted by a signal asks again at once; the question stays meanwhile. */
  #join(group: Group, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve) => {
      group.waiters.add(resolve);
      signal.addEventListener("abort", () => {
        group.waiters.delete(resolve);
        resolve("no");
        setTimeout(() => {
          if (group.waiters.size > 0) return;
          group.controller.abort();
          this.#finish(group, "no");
        }, askWithdrawnMs);
      });
    });
  }

  async #showAll(): Promise<void> {
    if (this.#isShowing) return;
    this.#isShowing = true;
    try {
      let [group] = this.#groups.values();
      while (group !== undefined) {
        await this.#settle(group);
        [group] = this.#groups.values();
      }
    } finally {
      this.#isShowing = false;
    }
  }

  async #settle(group: Group): Promise<void> {
    const known = this.#hasQuit ? "no" : this.#memory.find(group.question);
    const { signal } = group.controller;
    if (known !== undefined || signal.aborted) {
      this.#finish(group, known ?? "no");
      return;
    }
    const { clock, prompt } = this.#options;
    const shownAt = clock.monotonicMs();
    const given = await prompt.ask(this.#shown(group.question), signal);
    if (signal.aborted) this.#finish(group, "no");
    else this.#apply(group, given, clock.monotonicMs() - shownAt);
  }

  #shown(question: Question): PromptQuestion {
    const isRepeatable = !question.isGarbled;
    return {
      ...question,
      isRepeatable,
      alwaysIn: isRepeatable ? this.#options.always?.path : undefined,
      folder: isRepeatable ? this.#memory.folderToOffer(question) : undefined,
    };
  }

  #apply(group: Group, given: PromptAnswer, waitedMs: number): void {
    const { question } = group;
    const answer = this.#meaningOf(given, question);
    this.#note(question, given, answer, waitedMs);
    this.#hasQuit ||= given === "quit";
    if (given === "deny") this.#memory.deny(question);
    if (answer === "session" || answer === "always") this.#memory.allow(question, answer);
    if (answer === "folder") this.#memory.allowFolder(question);
    this.#memory.count(question);
    const [first] = group.waiters;
    if (answer !== "once" || group.waiters.size < 2 || first === undefined) {
      this.#finish(group, answer);
      return;
    }
    // Once is for one; whoever else waits is asked about anew.
    group.waiters.delete(first);
    first("once");
  }

  /** A line that cannot be written still is a yes for the session. */
  #meaningOf(given: PromptAnswer, question: Question): Answer {
    if (given === "deny" || given === "quit" || given === "timeout") return "no";
    const { always, prompt } = this.#options;
    if (given !== "always" || always === undefined) return given === "always" ? "session" : given;
    try {
      always.write(question);
      prompt.tell(`added to ${always.path}`);
      return "always";
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      prompt.tell(`allowed for this session only: ${why}`);
      return "session";
    }
  }

  #note(question: Question, given: PromptAnswer, answer: Answer, waitedMs: number): void {
    const { always, clock, note } = this.#options;
    const { actions, path, pid, exe, deed = "open", other = "" } = question;
    const payload: AskedPayload = {
      asked: actions.join(" "),
      path,
      ...(deed === "open" ? {} : { deed }),
      ...(other === "" ? {} : { other }),
      answer: given,
      outcome: answer === "no" || answer === "unasked" ? "deny" : "allow",
      pid,
      exe,
      waited_ms: Math.round(waitedMs),
      ...(answer === "always" && always !== undefined ? { written: always.path } : {}),
    };
    note({ type: "ACCESS_ASKED", tsUnixMs: clock.nowUnixMs(), payload: { ...payload } });
  }

  #finish(group: Group, answer: Answer): void {
    if (this.#groups.get(group.key) === group) this.#groups.delete(group.key);
    for (const waiter of group.waiters) waiter(answer);
    group.waiters.clear();
  }
}

/** What lies in a folder goes with it. */
function touches({ actions, path }: Question, own: string): boolean {
  return contains(own, path) || (actions.includes("FileDelete") && contains(path, own));
}

function rateLimit(clock: Clock): () => boolean {
  let times: number[] = [];
  return () => {
    const now = clock.monotonicMs();
    times = times.filter((time) => now - time < 1000);
    if (times.length >= asksPerSecondMax) return false;
    times.push(now);
    return true;
  };
}

type AskedAction = Question["actions"][number];

interface Memory {
  find(question: Question): Answer | undefined;
  allow(question: Question, answer: "session" | "always"): void;
  allowFolder(question: Question): void;
  deny(question: Question): void;
  /** One more question about a folder. */
  count(question: Question): void;
  folderToOffer(question: Question): string | undefined;
}

/** The third question about one folder offers it as a whole. */
const offeredAfter = 2;

function createMemory(): Memory {
  const allowed = new Map<string, Answer>();
  const denied = new Set<string>();
  const folders: { readonly action: AskedAction; readonly folder: string }[] = [];
  const counts = new Map<string, number>();
  const keysOf = ({ actions, path }: Question) => actions.map((action) => `${action}\0${path}`);
  const isInFolder = (action: AskedAction, path: string) =>
    folders.some((known) => known.action === action && contains(known.folder, path));
  return {
    find(question) {
      if (question.isGarbled) return undefined;
      if (keysOf(question).some((key) => denied.has(key))) return "no";
      const answers = question.actions.map(
        (action) =>
          allowed.get(`${action}\0${question.path}`) ??
          (isInFolder(action, question.path) ? "folder" : undefined),
      );
      return answers.every((answer) => answer !== undefined) ? answers[0] : undefined;
    },
    allow(question, answer) {
      for (const key of keysOf(question)) allowed.set(key, answer);
    },
    allowFolder(question) {
      const folder = folderOf(question);
      if (folder === undefined) return;
      for (const action of question.actions) folders.push({ action, folder });
    },
    deny(question) {
      for (const key of keysOf(question)) denied.add(key);
    },
    count(question) {
      const folder = folderOf(question) ?? "";
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    },
    folderToOffer(question) {
      const folder = folderOf(question);
      if (folder === undefined || folder === "/") return undefined;
      return (counts.get(folder) ?? 0) >= offeredAfter ? folder : undefined;
    },
  };
}

/** Of a folder that is to be listed, itself. */
function folderOf({ actions, path }: Question): AbsPath | undefined {
  const absolute = absPath(path);
  if (absolute === undefined) return undefined;
  return actions.includes("DirList") ? absolute : parentOf(absolute);
}
