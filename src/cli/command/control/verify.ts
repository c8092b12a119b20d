// `aegisctl verify`: a session of a control plane, by its API. `aegis audit verify` proves a ledger
// on this machine.

import { createControlClient, verifySession } from "../../../app/control-client.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeErr, writeOut } from "../../output.ts";
import { escapeControls } from "../../render/text.ts";
import { serverAccess, serverFlags, sessionFlags, sessionNamed } from "../../server-flags.ts";

export const command = defineCommand(
  {
    program: "aegisctl",
    name: "verify",
    summary: "Ask a control plane whether a session is what was recorded.",
    flags: { ...sessionFlags, ...serverFlags },
    operands: {},
    launches: false,
    examples: ["aegisctl verify --tenant acme --session sess-001"],
    notes: ["The exit status is 1 for a session that is not."],
  },
  async ({ flags }, { directory }) => {
    const named = sessionNamed(flags);
    const client = createControlClient(serverAccess(flags), directory);
    const { valid, firstBadSeq, error, isEmpty } = await verifySession(client, named);
    if (!valid) {
      writeOut(`${escapeControls(`INVALID: first bad seq=${firstBadSeq} error=${error}`)}\n`);
      return exitStatus.failed;
    }
    writeOut(`${escapeControls(`OK: chain valid for session ${named.session}`)}\n`);
    if (isEmpty) writeErr("note: that session has no events\n");
    return exitStatus.ok;
  },
);
