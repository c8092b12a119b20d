// Whom `--ask` asks: the terminal, or a control plane's approvals. On the fast path of a launch:
// what asks is loaded only when somebody is asked.

import type { LaunchOptions } from "../app/launch/options.ts";
import { AegisError } from "../base/errors.ts";
import { uniqueSuffix } from "../base/ids.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import { aegisHome } from "../config/location.ts";
import type { Prompt } from "../supervise/asking.ts";
import type { CliContext } from "./context.ts";
import { writeErr } from "./output.ts";

export const askFlags = {
  ask: {
    kind: "switch",
    summary:
      "Ask at the terminal about what no rule is about, on files and connections: see docs/ask.md.",
  },
  "ask-server": {
    kind: "text",
    value: "URL",
    summary: "Ask by the approvals of this control plane instead; needs no terminal.",
  },
  "ask-tenant": {
    kind: "text",
    value: "TENANT",
    default: "default",
    summary: "The tenant they are asked for",
  },
  "ask-key-file": { kind: "text", value: "FILE", summary: "File that holds the API key for it" },
  "ask-ca-file": { kind: "text", value: "FILE", summary: "Certificates that vouch for the server" },
} as const;

interface AskFlags {
  readonly ask: boolean;
  readonly "ask-server": string | undefined;
  readonly "ask-tenant": string;
  readonly "ask-key-file": string | undefined;
  readonly "ask-ca-file": string | undefined;
}

/** @throws {AegisError} `usage` when there is nobody to ask */
export async function promptFor(
  flags: AskFlags,
  { json }: LaunchOptions,
  { directory, environment }: Pick<CliContext, "directory" | "environment">,
): Promise<Pick<LaunchOptions, "prompt">> {
  if (flags["ask-server"] !== undefined)
    return { prompt: await serverPrompt(flags, flags["ask-server"], directory) };
  if (!flags.ask) return {};
  const { hasTerminal, terminalPrompt } = await import("./ask-terminal.ts");
  // Where the answers are read by a program, there has to be somebody who gives them.
  if (json && !hasTerminal()) {
    throw new AegisError("usage", "Cannot ask about denials: there is no terminal to ask at", {
      hint: "run --json without --ask, at a terminal, or with --ask-server",
    });
  }
  return { prompt: terminalPrompt(resolvePath(aegisHome(environment), "asking")) };
}

async function serverPrompt(flags: AskFlags, server: string, directory: AbsPath): Promise<Prompt> {
  const { approvalPrompt } = await import("../app/ask/approvals.ts");
  const { createControlClient } = await import("../app/control-client.ts");
  const { escapeControls } = await import("./render/text.ts");
  const client = createControlClient(
    {
      server,
      apiKeyFile: flags["ask-key-file"],
      caFile: flags["ask-ca-file"],
      certFile: undefined,
      keyFile: undefined,
    },
    directory,
  );
  const say = (line: string) => writeErr(`aegis: ${escapeControls(line)}\n`);
  const session = `run-${uniqueSuffix()}`;
  return approvalPrompt({ client, tenant: flags["ask-tenant"], session, say });
}
