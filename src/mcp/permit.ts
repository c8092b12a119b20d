// An allowed call on its way: what it may cost, and what is recorded when it ends. It ends once,
// with an answer, with an error, or with nobody waiting any more.

import { sha256Hex } from "../base/hash.ts";
import { type JsonTree, NumberText } from "../base/json-text.ts";
import { foreignEventSizeMaxBytes } from "../base/limits.ts";
import { samplingRequest } from "../control/state/protocol-requests.ts";
import type { JsonObject } from "../model/event.ts";
import type { Limits } from "./limits.ts";
import { membersOf, type Response_, textOf } from "./message.ts";
import { endModelCall } from "./model-call.ts";
import { type CallName, type CallSession, type RecordParts, record } from "./record.ts";
import { deniedCall, notRecorded, type ProxyError } from "./refusal.ts";

export type EndReason = "TIMEOUT" | "CANCELLED" | "OUTPUT_TOO_LARGE" | "UPSTREAM_FAILED";

export interface Permit {
  readonly callId: string;
  /** To send on, so that the server's work becomes a part of the caller's trace. */
  readonly trace: Readonly<Record<string, string>>;
  readonly limits: Limits;
  /** What a person wants the tool to be called with instead. */
  readonly editedArgs: JsonObject | undefined;
  /** @returns undefined: the answer may be passed on as it is; else what to say instead */
  answered(response: Pick<Response_, "members" | "text">): Promise<ProxyError | undefined>;
  /** @returns what to say to the caller */
  failed(reason: EndReason, detail: string): Promise<ProxyError>;
}

/** Room for the other members of the event. */
const resultTextMax = foreignEventSizeMaxBytes - 64 * 1024;

export function createPermit(
  parts: RecordParts,
  session: CallSession,
  name: CallName,
  limits: Limits,
  editedArgs: JsonObject | undefined,
  reopen: () => void,
): Permit {
  const failed = async (reason: EndReason, detail: string): Promise<ProxyError> => {
    const advice = { why: detail, change: changes[reason] };
    const stored = await record(parts, session, "ERROR_RAISED", {
      tool_name: name.tool,
      call_id: name.callId,
      code: reason,
      error: detail,
      fatal: false,
    });
    const note = stored.ok ? "" : `; and this could not be recorded: ${stored.error}`;
    const { code, message, data } = deniedCall(name, reason, advice, note);
    return { code, message: message.replace(" denied", " ended"), data };
  };
  return {
    ...{ callId: name.callId, trace: {} },
    limits,
    editedArgs,
    failed,
    async answered({ members, text }) {
      const size = Buffer.byteLength(text);
      if (size > limits.outputMax) {
        return failed("OUTPUT_TOO_LARGE", `${size} of ${limits.outputMax} bytes`);
      }
      const result = members.get("result");
      const error = members.get("error");
      const isError = error !== undefined || membersOf(result)?.get("isError") === true;
      const stored = await record(parts, session, "TOOL_RESULT", {
        tool_name: name.tool,
        call_id: name.callId,
        is_error: isError,
        ...(size <= resultTextMax ? { result, error } : digest(text, size)),
      });
      if (!stored.ok) return notRecorded(name.tool, stored.error);
      if (name.tool === samplingRequest) {
        const why = await endModelCall(parts, session, name.callId, { members });
        if (why !== undefined) return notRecorded(name.tool, why);
      }
      if (textOf(membersOf(result)?.get("resultType")) === "input_required") reopen();
      return undefined;
    },
  };
}

const changes: Readonly<Record<EndReason, string>> = {
  TIMEOUT: "raise permissions.budgets.timeout_ms of the manifest",
  CANCELLED: "call it again with other arguments",
  OUTPUT_TOO_LARGE: "ask for less, or raise permissions.budgets.max_output_bytes of the manifest",
  UPSTREAM_FAILED: "see what the server says for itself",
};

/** For a result that is larger than an event may be. */
function digest(text: string, size: number): Readonly<Record<string, JsonTree>> {
  return { result_sha256: sha256Hex(text), result_bytes: new NumberText(String(size)) };
}
