// One campaign of schemathesis against the built server, with keys and a ledger of its own. When it
// is over the server has to be alive and its ledger whole.

import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { sha256Hex } from "../../src/base/hash.ts";
import { aegisBinary, repoRoot } from "../support/harness.ts";
import { conditionMs, programMs } from "../support/patience.ts";
import { serve } from "../support/served.ts";
import { tempDir } from "../support/temp.ts";

export interface Campaign {
  /** For cases; starting and ending take a few seconds more. */
  readonly seconds: number;
  readonly seed: number;
}

export interface Outcome {
  readonly report: string;
  readonly passed: boolean;
  /** Requests that were generated. */
  readonly cases: number;
  /** Events that the ledger holds, all of them verified. */
  readonly events: number;
}

/** Where `install.sh --test` puts it, or one that the machine has. */
export function findSchemathesis(): string | undefined {
  const own = `${repoRoot}/build/schemathesis/bin/schemathesis`;
  return existsSync(own) ? own : (Bun.which("schemathesis") ?? undefined);
}

export async function runCampaign(program: string, { seconds, seed }: Campaign): Promise<Outcome> {
  const folder = tempDir("campaign");
  const keys = `${folder}/keys`;
  writeFileSync(keys, `${sha256Hex("fuzz-key")} admin * fuzz\n`);
  chmodSync(keys, 0o600);
  const ledger = `${folder}/ledger.db`;
  const server = await serve(ledger, "--keys", keys);
  try {
    const { report, passed } = await schemathesis(program, server.url, { seconds, seed, folder });
    const health = await fetch(`${server.url}/healthz`, {
      signal: AbortSignal.timeout(conditionMs),
    });
    const cases = Number(/(\d+) generated/.exec(report)?.[1] ?? 0);
    return { report, passed: passed && health.status === 200, cases, events: await count(ledger) };
  } finally {
    await server.stop();
  }
}

async function schemathesis(
  program: string,
  url: string,
  { seconds, seed, folder }: Campaign & { readonly folder: string },
): Promise<{ readonly report: string; readonly passed: boolean }> {
  const own = `${repoRoot}/test/fuzz`;
  const child = Bun.spawn(
    [
      ...[program, "--config-file", `${own}/schemathesis.toml`, "run", `${url}/openapi.json`],
      ...["--header", "Authorization: Bearer fuzz-key", "--request-timeout", "60"],
      ...["--max-time", String(seconds), "--seed", String(seed)],
      ...["--generation-database", "none", "--continue-on-failure", "--no-color"],
    ],
    {
      cwd: folder,
      env: {
        HOME: folder,
        PATH: process.env.PATH ?? "",
        PYTHONPATH: own,
        PYTHONDONTWRITEBYTECODE: "1",
        SCHEMATHESIS_HOOKS: "hooks",
      },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: seconds * 1000 + programMs,
      killSignal: "SIGKILL",
    },
  );
  const [said, errors, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { report: `${said}${errors}`, passed: status === 0 };
}

/** @throws when the ledger is not whole */
async function count(ledger: string): Promise<number> {
  const child = Bun.spawn([aegisBinary(), "audit", "verify", "--json", "--ledger", ledger], {
    env: { HOME: tempDir("home"), PATH: process.env.PATH ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [said, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const told = JSON.parse(said) as { readonly valid: boolean; readonly total_entries: number };
  if (told.valid) return told.total_entries;
  throw new Error(`the ledger is not whole: ${said}${errors}`);
}
