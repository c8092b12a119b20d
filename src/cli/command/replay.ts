// `aegis replay`

import { findKeptSession } from "../../app/ledger/find-session.ts";
import { replaySession } from "../../app/replay.ts";
import { defineCommand } from "../command.ts";
import { exitStatus } from "../exit.ts";
import { jsonFlag } from "../flags.ts";
import { writeOut } from "../output.ts";
import { policyFlags, policyOptions } from "../policy-options.ts";
import { ledgerFlags, readLedger } from "../read-ledger.ts";
import { jsonText } from "../render/json.ts";
import { renderReplay, replayView } from "../render/replay.ts";

const { config: _, ...flagsOfPolicy } = policyFlags;

export const command = defineCommand(
  {
    name: "replay",
    summary: "Judge the accesses of a session by another policy.",
    flags: {
      ...flagsOfPolicy,
      ...ledgerFlags,
      "strict-exit": { kind: "switch", summary: "Exit status 1 when a verdict changes" },
      json: jsonFlag,
    },
    operands: { SESSION: { required: true, summary: "Session; its id or the end of it" } },
    launches: false,
    examples: [
      "aegis replay 7f1c2a90 --policy agent.cedar",
      "aegis replay 7f1c2a90 --policy workspace --deny ~/data --strict-exit",
    ],
    notes: [
      "Folder and agent are the session's unless --dir or --name is given. --config names where the session is.",
      "The exit status is 0 whatever is found, as of `aegis diff`, unless --strict-exit is given.",
    ],
  },
  async ({ flags, operands }, context) =>
    readLedger(context, { session: operands.SESSION, flags }, async (ledger) => {
      const session = await findKeptSession(ledger, operands.SESSION);
      const options = { ...policyOptions(flags), config: undefined };
      const replay = await replaySession(ledger, session, options, context);
      writeOut(flags.json ? jsonText(replayView(replay)) : renderReplay(replay));
      const isChanged = replay.nowAllowed + replay.nowDenied > 0;
      return isChanged && flags["strict-exit"] ? exitStatus.failed : exitStatus.ok;
    }),
);
