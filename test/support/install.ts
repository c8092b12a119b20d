// install.sh as its tests start it, and what it is to leave.

import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join, relative } from "node:path";
import type { Outcome } from "./harness.ts";
import { tempDir } from "./temp.ts";

const systemPath = "/usr/local/bin:/usr/bin:/bin";
const links = ["aegis-server", "aegisctl", "aegisd"];

/** Every path below `root`, links with their target. */
export function tree(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(root, path);
      return entry.isSymbolicLink() ? `${name} -> ${readlinkSync(path)}` : name;
    })
    .sort();
}

export const installed = [
  "bin",
  "bin/aegis",
  ...links.map((name) => `bin/${name} -> aegis`),
  "share",
  "share/aegis",
  "share/aegis/installed",
];

export async function sh(
  argv: readonly string[],
  options: {
    env?: Record<string, string>;
    input?: string;
    cwd?: string;
    around?: readonly string[];
  } = {},
): Promise<Outcome> {
  const child = Bun.spawn([...(options.around ?? []), "/bin/sh", ...argv], {
    cwd: options.cwd ?? tempDir("cwd"),
    env: { PATH: systemPath, ...options.env },
    stdio: [options.input === undefined ? "ignore" : Buffer.from(options.input), "pipe", "pipe"],
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}
