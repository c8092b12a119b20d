// `aegis approve`: a person's answer about a tool call that waits for one.

import { createControlClient, readSmallFile } from "../../app/control-client.ts";
import { AegisError } from "../../base/errors.ts";
import { inexactNumber, inexactText } from "../../base/exact-numbers.ts";
import { parseJsonText, plainJson } from "../../base/json-text.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { defineCommand } from "../command.ts";
import { exitStatus } from "../exit.ts";
import { writeOut } from "../output.ts";
import { escapeControls } from "../render/text.ts";
import { serverAccess, serverFlags } from "../server-flags.ts";

export const command = defineCommand(
  {
    name: "approve",
    summary: "Allow or deny a tool call that waits for a person.",
    flags: {
      allow: { kind: "switch", summary: "Let the call go on" },
      deny: { kind: "switch", summary: "Forbid it" },
      edit: { kind: "text", value: "FILE", summary: "Allow it with these arguments: JSON" },
      message: { kind: "text", value: "TEXT", summary: "Why" },
      tenant: { kind: "text", value: "TENANT", summary: "The tenant it was asked for" },
      "tenant-id": { kind: "text", value: "TENANT", summary: "Same as --tenant" },
      ...serverFlags,
    },
    operands: { TOKEN: { required: true, summary: "What the request was given" } },
    launches: false,
    examples: ["aegis approve 5f0c…-91b2… --allow", "aegis approve 5f0c…-91b2… --deny"],
    notes: ["A token is good for one decision. An agent's own key cannot make it."],
  },
  async ({ flags, operands }, { directory }) => {
    const { allow, deny, edit, message } = flags;
    if (allow === deny) throw usage("one of --allow and --deny is needed");
    if (edit !== undefined && deny) throw usage("--edit goes with --allow");
    const tenant = flags.tenant ?? flags["tenant-id"];
    const edited =
      edit === undefined ? {} : { edited_args: readArgs(resolvePath(directory, edit)) };
    const said = message === undefined ? {} : { message };
    const client = createControlClient(serverAccess(flags), directory);
    const path = `/v1/approvals/${encodeURIComponent(operands.TOKEN)}`;
    const body = { allow, ...edited, ...said };
    const answer = await client.post("approve", path, { tenant_id: tenant }, body);
    for (const line of decisionLines(answer)) writeOut(`${escapeControls(line)}\n`);
    return exitStatus.ok;
  },
);

function usage(why: string): AegisError {
  return new AegisError("usage", `Cannot decide: ${why}`);
}

function readArgs(path: AbsPath): JsonObject {
  const tree = parseJsonText(readSmallFile(path));
  const inexact = inexactNumber(tree);
  if (inexact !== undefined) {
    throw new AegisError("usage", `Cannot use "${path}" as arguments: ${inexactText(inexact)}`, {
      hint: "send it as a text, or with up to 15 digits",
    });
  }
  const args = plainJson(tree);
  if (typeof args === "object" && args !== null && !Array.isArray(args)) return args as JsonObject;
  throw new AegisError("usage", `Cannot use "${path}" as arguments: it is no JSON object`);
}

function decisionLines(answer: JsonObject): readonly string[] {
  const { status, tool_name, session_id, tenant_id, decided_by, message, diff } = answer;
  const head = `${status}: ${tool_name} in session ${session_id} of ${tenant_id}`;
  const said = typeof message === "string" ? `: ${message}` : "";
  const changes = Array.isArray(diff) ? diff.map(changeText) : [];
  return [`${head} by ${decided_by}${said}`, ...changes];
}

function changeText(change: JsonValue): string {
  const { key, op, before, after } = change as JsonObject;
  const values = [before, after].filter((value) => value !== undefined);
  return `  ${op} ${key}: ${values.map((value) => JSON.stringify(value)).join(" -> ")}`;
}
