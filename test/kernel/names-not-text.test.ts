// Names that are no UTF-8: each has a row of its own, and the box and decide() say the same of it.

import { expect } from "bun:test";
import type { Atom, Capability } from "../../src/model/capability.ts";
import { decide } from "../../src/policy/decide.ts";
import { runBox, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { forbid, permit, under } from "../support/ir.ts";

const needs = ["linux", "landlock", "seccomp", "tool python3"] as const;

const names = [
  [0xff],
  [0xfe],
  [0xfd],
  [0x71, 0xff],
  [0xc3],
  [0xc3, 0xa9],
  [0xe2, 0x82],
  [0xff, 0x66, 0x66],
  [0x66, 0x66],
  [0xef, 0xbf, 0xbd],
  [0xef, 0xbf, 0xbd, 0x66, 0x66],
  [0x61, 0xc3, 0xa9, 0xff],
] as const;

const like = (...parts: readonly string[]): Atom => ({ kind: "path-like", parts, negated: false });

for (const setting of settings()) {
  testWith(
    needs,
    `${setting.name}: names that are no text are told apart and judged alike`,
    async () => {
      const folder = testFolder(setting);
      const capabilities: readonly Capability[] = [
        permit("all"),
        // Digits and marks of a spelling are no part of a name.
        forbid("FileWrite", like(`${folder}/`, "ff")),
        forbid("FileWrite", like(`${folder}/a\u00e9`, "")),
        forbid("FileWrite", like("", "/\uFFFDff")),
        forbid("FileWrite", under(`${folder}/\uFFFD`)),
      ];
      const script = `import os
for name in ${JSON.stringify(names)}:
    try: os.close(os.open(os.path.join(b"${folder}", bytes(name)), os.O_CREAT | os.O_WRONLY)); print("allow")
    except PermissionError: print("deny")`;
      const result = await runBox(setting, capabilities, [], {
        argv: ["/usr/bin/python3", "-c", script],
        directory: folder,
        allowWeaker: true,
      });
      const rows = result.accesses.filter(
        ({ action, path }) => action === "FileWrite" && path.startsWith(`${folder}/`),
      );
      expect(result.stdout.trim().split("\n")).toEqual(
        rows.map(({ allowed }) => (allowed ? "allow" : "deny")),
      );
      expect(new Set(rows.map(({ path }) => path)).size).toBe(names.length);
      for (const { path, allowed } of rows) {
        const resource = { path, host: undefined, port: undefined };
        const attempt = { action: "FileWrite", agent: "agent", resource } as const;
        const { outcome } = decide({ version: 1, capabilities }, attempt);
        expect([path, outcome]).toEqual([path, allowed ? "allow" : "deny"]);
      }
      expect(rows.map(({ allowed }) => allowed)).toContain(false);
    },
  );
}
