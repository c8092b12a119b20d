// `aegis restore`: a ledger out of a backup, where none is.

import { restore } from "../../app/ledger/backup.ts";
import { typedPassword } from "../../app/ledger/postgres-dsn.ts";
import { AegisError } from "../../base/errors.ts";
import { defineCommand } from "../command.ts";
import { jsonFlag } from "../flags.ts";
import { writeOut } from "../output.ts";
import { renderFacts } from "../render/facts.ts";
import { jsonText } from "../render/json.ts";
import { warn } from "../warn.ts";

export const command = defineCommand(
  {
    name: "restore",
    summary: "Restore a ledger from a backup, after verifying all of it.",
    flags: {
      to: {
        kind: "text",
        value: "PATH|DSN",
        summary:
          "Where to, a file or postgres://…; no ledger may be there. Default: that of `serve`",
      },
      ledger: { kind: "text", value: "PATH|DSN", summary: "Same as --to" },
      config: { kind: "text", value: "NAME", summary: "To the ledger of this configuration" },
      checkpoint: {
        kind: "text",
        value: "FILE",
        summary: "A published checkpoint that the backup has to reach",
      },
      "accept-older": {
        kind: "switch",
        summary: "Give up the events that came after the backup was made",
      },
      "without-key": {
        kind: "switch",
        summary: "Restore although no key is here to check the signatures with",
      },
      json: jsonFlag,
    },
    operands: { FILE: { required: false, summary: "The backup" } },
    launches: false,
    examples: [
      "aegis restore ledger.backup",
      "aegis restore --checkpoint head.note ledger.backup",
      "aegis restore --to postgres://aegis@127.0.0.1/aegis ledger.backup",
    ],
  },
  async ({ flags, operands }, context) => {
    const file = operands.FILE;
    if (file === undefined) {
      throw new AegisError("usage", "Cannot restore: nothing says what from", {
        hint: "for instance `aegis restore ledger.backup`",
      });
    }
    const { config, checkpoint } = flags;
    if (flags.to !== undefined && flags.ledger !== undefined) {
      throw new AegisError("usage", "Cannot restore to two places: --ledger is the same as --to");
    }
    const [flag, ledger] = flags.to === undefined ? ["--ledger", flags.ledger] : ["--to", flags.to];
    warn(typedPassword(flag, ledger ?? ""));
    const acceptOlder = flags["accept-older"];
    const withoutKey = flags["without-key"];
    const wish = { file, ledger, config, checkpoint, acceptOlder, withoutKey };
    const restored = await restore(wish, context);
    const { facts, missing, olderMemory, warnings, isKeyRestored, isProven } = restored;
    const keyHere = isProven ? "as it is here" : "none: nothing proves what was restored";
    warn(warnings);
    if (missing > 0) {
      const moved = olderMemory === undefined ? "" : `; what was remembered is in ${olderMemory}`;
      warn([`${missing} events that came after the backup was made are gone${moved}`]);
    }
    const report = {
      file: restored.file,
      ledger: restored.ledger,
      origin: facts.origin,
      events: facts.size,
      root: facts.root,
      made_unix_ms: facts.madeUnixMs,
      events_missing: missing,
      key_restored: isKeyRestored,
    };
    if (flags.json) writeOut(jsonText(report));
    else {
      writeOut(
        renderFacts([
          ["Ledger", restored.ledger],
          ["Backup", restored.file],
          ["Made", new Date(facts.madeUnixMs).toISOString()],
          ["Events", String(facts.size)],
          ["Tree", facts.root],
          ["Key", isKeyRestored ? "restored from the backup" : keyHere],
        ]),
      );
    }
    return 0;
  },
);
