// Profiles beside their capabilities in conformance/, compared byte by byte. UPDATE_GOLDEN=1 writes
// them anew.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileSeatbelt } from "../../../../src/enforce/seatbelt/plan.ts";
import { renderProfile } from "../../../../src/enforce/seatbelt/sbpl.ts";
import type { Capabilities } from "../../../../src/model/capability.ts";
import { diagnosticText } from "../../../../src/policy/diagnostic.ts";
import { repoRoot } from "../../../support/harness.ts";
import { SbplProfile } from "../../../support/sbpl-evaluator.ts";

function foldersIn(place: string): string[] {
  const root = join(repoRoot, "conformance", place);
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((folder) => existsSync(join(folder, "ir.json")) && irOf(folder) !== undefined);
}

/**
 * Undefined where a policy has no capabilities because it is refused before it comes to a kernel.
 */
function irOf(folder: string): Capabilities | undefined {
  const ir = JSON.parse(readFileSync(join(folder, "ir.json"), "utf8")) as Partial<Capabilities>;
  const { capabilities } = ir;
  return capabilities && { version: 1, capabilities };
}

/** The text, or the reasons why there is none; both as they are kept in a golden. */
function profileText(ir: Capabilities, ignoresCase: boolean): string {
  const plan = compileSeatbelt({
    capabilities: ir.capabilities,
    agent: "agent",
    wide: ignoresCase ? { settled: ["/Users/me/ws"] } : "exact",
    tellsIoctls: true,
  });
  if (plan.ok) return renderProfile(plan.value.profile, "TAG", "PORT");
  return `; no profile\n${plan.error.map((problem) => `; ${diagnosticText(problem)}\n`).join("")}`;
}

const typing = "(deny file-ioctl\n  (ioctl-command #x80017472)";
const none: Capabilities = { version: 1, capabilities: [] };
const empty = profileText(none, false);
const base = empty.slice(0, empty.indexOf(typing));

function goldenText(folder: string): string {
  const text = profileText(irOf(folder) ?? none, folder.endsWith("-any-case"));
  return folder.endsWith("/nothing") ? text : text.replace(base, "; base\n");
}

describe("a Seatbelt profile is the one kept beside its capabilities", () => {
  for (const folder of [...foldersIn("seatbelt"), ...foldersIn("lower")]) {
    test(folder.slice(repoRoot.length + 1), () => {
      const golden = join(folder, "seatbelt.sb");
      const text = goldenText(folder);
      if (process.env.UPDATE_GOLDEN === "1") writeFileSync(golden, text);
      expect(text).toBe(readFileSync(golden, "utf8"));
      if (!text.startsWith("; no profile")) {
        const profile = new SbplProfile(text.replace("; base\n", base).replace(":PORT", ":1"));
        expect(profile.ruleCount).toBeGreaterThan(1);
      }
    });
  }
});
