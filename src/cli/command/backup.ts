// `aegis backup`: the ledger as one verified file, while others write to it.

import { backUp } from "../../app/ledger/backup.ts";
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
    name: "backup",
    summary: "Copy a ledger, as it is at one moment, into one verified file.",
    flags: {
      ledger: {
        kind: "text",
        value: "PATH|DSN",
        summary: "The ledger, a file or postgres://…. Default: the one of `serve`",
      },
      config: { kind: "text", value: "NAME", summary: "The ledger of this configuration" },
      "with-key": {
        kind: "switch",
        summary: "Put the signing key in: who has the backup can then sign as this ledger",
      },
      json: jsonFlag,
    },
    operands: {
      "FILE|DIR": { required: false, summary: "A new file, or a folder to make one in" },
    },
    launches: false,
    examples: [
      "aegis backup /mnt/backups/",
      "aegis backup --with-key ledger.backup",
      "aegis backup --ledger postgres://aegis@127.0.0.1/aegis ledger.backup",
    ],
  },
  async ({ flags, operands }, context) => {
    const target = operands["FILE|DIR"];
    if (target === undefined) {
      throw new AegisError("usage", "Cannot back up: nothing says where to", {
        hint: "for instance `aegis backup /mnt/backups/`",
      });
    }
    const { ledger, config } = flags;
    const withKey = flags["with-key"];
    warn(typedPassword("--ledger", ledger ?? ""));
    const made = await backUp({ target, ledger, config, withKey }, context);
    warn(made.warnings);
    const { facts, file } = made;
    const report = {
      file,
      ledger: made.ledger,
      origin: facts.origin,
      events: facts.size,
      root: facts.root,
      made_unix_ms: facts.madeUnixMs,
      with_key: withKey,
    };
    if (flags.json) writeOut(jsonText(report));
    else {
      writeOut(
        renderFacts([
          ["Backup", file],
          ["Ledger", made.ledger],
          ["Events", String(facts.size)],
          ["Tree", facts.root],
          ["Key", withKey ? "in the backup: keep it as safe as the key" : "not in the backup"],
        ]),
      );
    }
    return 0;
  },
);
