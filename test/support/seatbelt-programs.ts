// The stand-ins for macOS' programs, each copied to a directory of its own where it keeps its
// notes.

import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { repoRoot } from "./harness.ts";
import { tempDir } from "./temp.ts";

export interface StandIn {
  readonly program: string;
  /** A note it left or finds beside itself. */
  readonly note: (name: string) => string;
  readonly write: (name: string, text: string) => void;
  readonly append: (name: string, text: string) => void;
}

export function standIn(name: "sandbox-exec" | "log"): StandIn {
  const directory = tempDir("seatbelt");
  const program = join(directory, name);
  copyFileSync(join(repoRoot, "test/fixtures/seatbelt", name), program);
  chmodSync(program, 0o755);
  return {
    program,
    note: (file) => {
      const path = join(directory, file);
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    },
    write: (file, text) => writeFileSync(join(directory, file), text),
    append: (file, text) => appendFileSync(join(directory, file), text),
  };
}

/** The argument vectors `sandbox-exec` was called with. */
export function callsOf(sandboxExec: StandIn): string[][] {
  const calls = sandboxExec.note("calls").split("\0\0").slice(0, -1);
  return calls.map((call) => call.split("\0"));
}
