// `aegisctl export`: every event of a session as a line of JSON.

import { closeSync, fsyncSync, linkSync, openSync, unlinkSync, writeSync } from "node:fs";
import { createControlClient, sessionEvents } from "../../../app/control-client.ts";
import { refuseExisting } from "../../../app/write-new-file.ts";
import { uniqueSuffix } from "../../../base/ids.ts";
import { type AbsPath, resolvePath } from "../../../base/paths.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeOut } from "../../output.ts";
import { serverAccess, serverFlags, sessionFlags, sessionNamed } from "../../server-flags.ts";

export const command = defineCommand(
  {
    program: "aegisctl",
    name: "export",
    summary: "Print every event of a session, a line of JSON each.",
    flags: {
      ...sessionFlags,
      out: {
        kind: "text",
        value: "FILE",
        default: "-",
        summary: "Write them to a new file, which is there only when it is whole",
      },
      ...serverFlags,
    },
    operands: {},
    launches: false,
    examples: ["aegisctl export --tenant acme --session sess-001 --out sess-001.ndjson"],
  },
  async ({ flags }, { directory }) => {
    const client = createControlClient(serverAccess(flags), directory);
    const pages = sessionEvents(client, sessionNamed(flags));
    if (flags.out !== "-") await writeWhole(resolvePath(directory, flags.out), pages);
    else for await (const page of pages) if (!writeOut(linesOf(page))) break;
    return exitStatus.ok;
  },
);

type Pages = ReturnType<typeof sessionEvents>;

function linesOf(page: readonly unknown[]): string {
  return page.map((event) => `${JSON.stringify(event)}\n`).join("");
}

async function writeWhole(path: AbsPath, pages: Pages): Promise<void> {
  refuseExisting(path);
  const building = `${path}.${uniqueSuffix()}`;
  const fd = openSync(building, "wx", 0o600);
  try {
    try {
      for await (const page of pages) {
        const bytes = Buffer.from(linesOf(page));
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    // Unlike a rename it fails when something has come there meanwhile.
    linkSync(building, path);
  } finally {
    unlinkSync(building);
  }
}
