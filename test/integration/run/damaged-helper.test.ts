// A program whose helper has been damaged, wherever the damage is: nothing of the command runs, the
// exit status is that of a failed launch, and what is printed says what it means and what to do.

import { expect } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { helperBinary } from "../../support/box.ts";
import { testWith } from "../../support/features.ts";
import { aegisBinary, cleanEnvironment, type Outcome } from "../../support/harness.ts";
import { programMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

const needs = ["linux", "landlock", "seccomp", "x86-64"] as const;

/** An instruction that only the kernel may execute: whoever comes to it dies of SIGSEGV. */
const halt = 0xf4;

interface Row {
  readonly name: string;
  readonly damage: (helper: Buffer) => void;
  /** Undefined: the command runs. */
  readonly error: RegExp | undefined;
  readonly hint: RegExp;
}

const broken = (helper: Buffer, at: number, size: number, byte: number) => {
  expect(at).toBeGreaterThan(0);
  helper.fill(byte, at, at + size);
};

const rows: readonly Row[] = [
  { name: "nowhere", damage: () => undefined, error: undefined, hint: /^/ },
  {
    name: "where the broker receives the first call",
    // mov esi, SECCOMP_IOCTL_NOTIF_RECV
    damage: (helper) =>
      broken(helper, helper.indexOf(Buffer.from([0xbe, 0x00, 0x21, 0x50, 0xc0])), 1, halt),
    error: /^error: The broker was killed by signal 11$/m,
    hint: /^hint: the box ended with it, and nothing went on unconfined; .* reinstall it/m,
  },
  {
    name: "where it begins",
    damage: (helper) => broken(helper, Number(helper.readBigUInt64LE(24)), 8, halt),
    error: /^error: Cannot ask the kernel for its features: the helper was killed by signal 11$/m,
    hint: /^hint: reinstall aegis/m,
  },
  {
    name: "in what the kernel reads of it",
    damage: (helper) => broken(helper, 16, 8, 0xff),
    error: /^error: Cannot ask the kernel for its features: .*ENOEXEC/m,
    hint: /^hint: reinstall aegis/m,
  },
  {
    name: "everywhere",
    damage: (helper) => helper.fill(0),
    error: /^error: Cannot load the native helper: it is damaged$/m,
    hint: /^hint: reinstall aegis/m,
  },
];

for (const { name, damage, error, hint } of rows)
  testWith(needs, `a helper damaged ${name}`, async () => {
    const home = tempDir("damaged");
    const folder = tempDir("ws");
    const program = join(tempDir("bin"), "aegis");
    writeFileSync(program, damagedProgram(damage));
    chmodSync(program, 0o755);
    const run = await started(program, home, folder, ["run", "--", "touch", "made"]);
    expect(existsSync(join(folder, "made"))).toBe(error === undefined);
    expect(run.exitCode).toBe(error === undefined ? 0 : 125);
    if (error !== undefined) expect(run.stderr).toMatch(error);
    expect(run.stderr).toMatch(hint);
    const setup = await started(program, home, folder, ["setup"]);
    expect(setup.exitCode === 0).toBe(error === undefined);
    expect(setup.stdout + setup.stderr).toMatch(
      error === undefined ? /^Trial: +OK/m : /killed by signal 11|ENOEXEC|is damaged/,
    );
    const verified = await started(aegisBinary(), home, folder, ["audit", "verify"]);
    expect(verified.exitCode).toBe(0);
  });

/** The shipped program carries its helper as it is. */
function damagedProgram(damage: Row["damage"]): Buffer {
  const whole = readFileSync(aegisBinary());
  const at = whole.indexOf(readFileSync(helperBinary()));
  if (at < 0) throw new Error("the program does not have the helper of this checkout");
  damage(whole.subarray(at, at + readFileSync(helperBinary()).length));
  return whole;
}

async function started(
  program: string,
  home: string,
  cwd: string,
  args: readonly string[],
): Promise<Outcome> {
  const child = Bun.spawn([program, ...args], {
    cwd,
    env: cleanEnvironment({ HOME: home }),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: programMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, exitCode: await child.exited };
}
