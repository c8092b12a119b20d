// docs/api.md and docs/control-plane.md against the built server: their command lines of curl are
// run and what they print is compared, "…" standing for anything. The table of codes is the
// server's.

import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { codes } from "../../../src/server/api/codes.ts";
import { repoRoot } from "../../support/harness.ts";
import { serve } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const page = readFileSync(`${repoRoot}/docs/api.md`, "utf8");
const socket = `${tempDir("api-docs")}/s`;
const server = await serve(`${tempDir("api-docs")}/ledger.db`, "--listen", `unix:${socket}`);
afterAll(() => server.stop());

interface Shown {
  readonly command: string;
  readonly printed: string;
}

/** Of blocks marked `console`; what is printed is one line. */
function commandsOf(text: string): readonly Shown[] {
  const blocks = [...text.matchAll(/^```console\n(.*?)^```/gms)].map(([, block = ""]) => block);
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((part) => {
      const lines = part.trimEnd().split("\n");
      return { command: lines.slice(0, -1).join("\n"), printed: lines.at(-1) ?? "" };
    });
}

function matcher(printed: string): RegExp {
  const parts = printed.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}\n$`);
}

const overview = readFileSync(`${repoRoot}/docs/control-plane.md`, "utf8");
const shown = [...commandsOf(page), ...commandsOf(overview)].filter(({ command }) =>
  command.startsWith("curl "),
);

describe("the commands of the pages", () => {
  test.each(shown.map((one) => [one.command.split("\n")[0] ?? "", one] as const))(
    "%s",
    async (_, { command, printed }) => {
      const real = command
        .replace(/http:\/\/(localhost|127\.0\.0\.1):8080/g, server.url)
        .replace("/run/aegis/aegis.sock", socket);
      const child = Bun.spawn(["sh", "-c", real], { stdio: ["ignore", "pipe", "inherit"] });
      expect(await child.stdout.text()).toMatch(matcher(printed));
      expect(await child.exited).toBe(0);
    },
  );

  test("are found", () => expect(shown.length).toBeGreaterThan(9));
});

test("the page lists every code with its status", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d{3}) \| (.+) \|$/gm)];
  const listed = rows.map(([, code, status, meaning]) => [code, Number(status), meaning]);
  expect(listed).toEqual(
    Object.entries(codes).map(([code, { status, meaning }]) => [code, status, meaning]),
  );
});
