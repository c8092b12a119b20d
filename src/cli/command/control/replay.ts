// `aegisctl replay`

import { createControlClient, replaySession } from "../../../app/control-client.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeOut } from "../../output.ts";
import { serverAccess, serverFlags, sessionFlags, sessionNamed } from "../../server-flags.ts";

export const command = defineCommand(
  {
    program: "aegisctl",
    name: "replay",
    summary: "Replay a session of a control plane and list what differs.",
    flags: {
      ...sessionFlags,
      mode: {
        kind: "choice",
        choices: ["exact", "live"],
        default: "exact",
        summary:
          "exact: the state after each event; live: each decision, made again by today's policy",
      },
      ...serverFlags,
    },
    operands: {},
    launches: false,
    examples: ["aegisctl replay --tenant acme --session sess-001 --mode live"],
    notes: ["Prints a DiffReport as JSON; the exit status is 1 when something differs."],
  },
  async ({ flags }, { directory }) => {
    const client = createControlClient(serverAccess(flags), directory);
    const report = await replaySession(client, sessionNamed(flags), flags.mode);
    writeOut(`${JSON.stringify(report, undefined, 2)}\n`);
    return report.identical === true ? exitStatus.ok : exitStatus.failed;
  },
);
