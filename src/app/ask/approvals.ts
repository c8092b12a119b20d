// The question of `--ask` put to a control plane's approvals instead of a terminal: asked for once,
// then looked at until somebody has decided. What comes back is from whoever listens there, and
// means no unless it says yes in so many words.

import { AegisError } from "../../base/errors.ts";
import { askPollMs, askTimeoutMs } from "../../base/limits.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import type { Prompt, PromptAnswer, PromptQuestion } from "../../supervise/asking.ts";
import type { ControlClient } from "../control-client.ts";

export interface ApprovalAsker {
  readonly client: ControlClient;
  readonly tenant: string;
  /** Names the launch to whoever decides. */
  readonly session: string;
  /** Says something to whoever launched. */
  readonly say: (line: string) => void;
}

/** Name of the tool in the requests. */
export const accessTool = "access";

type Yes = Extract<PromptAnswer, "once" | "session" | "always" | "folder">;

/** Where nobody can be asked everything is denied, and that is said once. */
export function approvalPrompt({ client, tenant, session, say }: ApprovalAsker): Prompt {
  const closing = new AbortController();
  let hasComplained = false;

  const complain = (error: unknown): PromptAnswer => {
    const why = error instanceof AegisError ? error.message : String(error);
    if (!hasComplained) say(`cannot ask: ${why}; what no rule allows is denied`);
    hasComplained = true;
    return "unasked";
  };

  async function request(question: PromptQuestion): Promise<string> {
    const body = { tenant_id: tenant, session_id: session, tool_name: accessTool };
    const answer = await client.post(
      "ask",
      "/v1/approvals",
      {},
      { ...body, args: argsOf(question) },
    );
    if (typeof answer.token === "string" && answer.token !== "") return answer.token;
    throw new AegisError("internal", "ask: the server's answer has no token");
  }

  /** Undefined: nobody has decided yet, or the server could not be asked this time. */
  async function decision(
    token: string,
    offers: readonly Yes[],
  ): Promise<PromptAnswer | undefined> {
    const path = `/v1/approvals/${encodeURIComponent(token)}`;
    try {
      const { status, final_args: args } = await client.get("ask", path, { tenant_id: tenant });
      if (status === "PENDING") return undefined;
      return status === "ALLOWED" ? yesIn(args, offers) : noBy(status);
    } catch (error) {
      // ignored: asked again until the question has run out of time
      if (error instanceof AegisError) return undefined;
      throw error;
    }
  }

  return {
    async ask(question, signal) {
      const over = AbortSignal.any([signal, closing.signal]);
      try {
        const token = await request(question);
        say(`waits for an answer: aegis approve ${token} --allow --tenant ${tenant}`);
        for (let waited = 0; waited < askTimeoutMs && !over.aborted; waited += askPollMs) {
          await pause(askPollMs, over);
          const answer = await decision(token, offersOf(question));
          if (answer !== undefined) return answer;
        }
        return over.aborted ? "unasked" : "timeout";
      } catch (error) {
        return complain(error);
      }
    },
    tell: say,
    close: () => closing.abort(),
  };
}

function offersOf({ isRepeatable, alwaysIn, folder }: PromptQuestion): readonly Yes[] {
  return [
    "once",
    ...(isRepeatable ? (["session"] as const) : []),
    ...(folder === undefined ? [] : (["folder"] as const)),
    ...(alwaysIn === undefined ? [] : (["always"] as const)),
  ];
}

/** What whoever decides sees, and may edit the `answer` of. */
function argsOf(question: PromptQuestion): JsonObject {
  const { actions, path, deed = "open", other = "" } = question;
  const { pid, exe, connection, folder, alwaysIn } = question;
  const { name, kind } = connection ?? {};
  return {
    actions: [...actions],
    path,
    ...(deed === "open" ? {} : { deed }),
    ...(other === "" ? {} : { other }),
    program: exe,
    pid,
    ...(name === undefined ? {} : { address_of: name }),
    ...(kind === undefined ? {} : { address_is: kind }),
    ...(folder === undefined ? {} : { folder }),
    ...(alwaysIn === undefined ? {} : { policy_file: alwaysIn }),
    answers: [...offersOf(question)],
    answer: "once",
  };
}

function noBy(status: JsonValue | undefined): PromptAnswer {
  return status === "EXPIRED" ? "timeout" : "deny";
}

/** A yes to something that was not offered is one to less, never to more. */
function yesIn(args: JsonValue | undefined, offers: readonly Yes[]): Yes {
  const isObject = args !== null && typeof args === "object" && !Array.isArray(args);
  const given = isObject ? (args as JsonObject).answer : undefined;
  return offers.find((offer) => offer === given) ?? "once";
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      done();
    }
    signal.addEventListener("abort", finish);
  });
}
