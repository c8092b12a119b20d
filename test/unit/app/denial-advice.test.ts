// The summary names what was really missed before the noise of searching, and what would allow it.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { adviseOn } from "../../../src/app/denial-advice.ts";
import type { Denial } from "../../../src/supervise/recorder.ts";
import { tempDir } from "../../support/temp.ts";

const root = tempDir("advice");
writeFileSync(`${root}/there`, "");

function denial(over: Partial<Denial>): Denial {
  return {
    action: "FileRead",
    path: `${root}/there`,
    host: undefined,
    port: undefined,
    rule: "",
    reason: "no permit matched",
    flags: "openat",
    count: 1,
    ...over,
  };
}

test("names what exists, what would be made and what would be reached before what is absent", () => {
  const searched = denial({ path: `${root}/absent`, count: 9 });
  const socket = denial({
    action: "FileWrite",
    path: `${root}/socket`,
    flags: "connect",
    count: 8,
  });
  const made = denial({ action: "FileWrite", path: `${root}/new`, flags: "openat O_CREAT" });
  const reached = denial({ action: "NetConnect", path: "192.0.2.1", host: "192.0.2.1", port: 80 });
  const missed = denial({});
  const order = adviseOn([searched, socket, made, reached, missed], "a").map((one) => one.resource);
  expect(order).toEqual([
    `${root}/new`,
    "192.0.2.1:80",
    `${root}/there`,
    `${root}/absent`,
    `${root}/socket`,
  ]);
});

const fixes = [
  ["an unmatched read", { action: "FileRead" }, `--read ${root}/there`],
  ["an unmatched write", { action: "FileWrite" }, `--write ${root}/there`],
  ["a credential", { rule: "credentials:ssh" }, `--read ${root}/there`],
  ["a protected name", { rule: "protected:git-hooks" }, ""],
  ["a rule of the user's own", { rule: "mine" }, "the rule mine taken out of the policy"],
] as const;
test.each(fixes)("says what would allow %s", (_, over, fix) => {
  expect(adviseOn([denial(over)], "a")[0]?.fix).toBe(fix);
});
