// A ledger that a box could read it could lock, and with it every launch that records there: it is
// closed to boxes that may read everything, also while it is only just made.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { aegisBinary, cleanEnvironment, giveToPlainUser } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

for (const setting of settings())
  testWith(needs, `${setting.name}: no box reads the ledger that it is recorded in`, async () => {
    const home = tempDir("ledger-locks");
    writeFileSync(join(home, "file"), "words\n");
    if (setting.isPlain) giveToPlainUser(home);
    const script = `for name in ledger.db ledger.db-wal ledger.db-shm; do
      cat .aegis/$name >/dev/null 2>&1 && echo read || echo closed; done; cat file`;
    for (const policy of [["--policy", "permit-all"], ["--read", home], []]) {
      const box = [aegisBinary(), "run", "--quiet", "--dir", home, ...policy];
      const child = Bun.spawn(setting.through([...box, "--", "/bin/sh", "-c", script]), {
        cwd: home,
        env: cleanEnvironment({ HOME: home, PATH: "/usr/bin:/bin" }),
        stdio: ["ignore", "pipe", "pipe"],
      });
      const [told, said] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect({ policy, told, said }).toEqual({
        policy,
        told: "closed\nclosed\nclosed\nwords\n",
        said: "",
      });
    }
  });
