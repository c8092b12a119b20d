// A command whose ledger cannot be written for a while, or any more: it waits for a lock however
// long that is held, and is ended, in numbers, where nothing can be stored.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { aegisBinary, cleanEnvironment, spawnAegis, waitFor } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

interface Run {
  readonly home: string;
  readonly folder: string;
  readonly ledger: string;
  readonly child: Bun.Subprocess<"pipe", "ignore", "pipe">;
  /** What it has said by now. */
  said(): string;
  /** Lets the command go on. */
  release(): void;
  ended(): Promise<number>;
}

/** Starts a command that waits for its input when the session is open. */
async function start(script: string, before: readonly string[] = []): Promise<Run> {
  const home = tempDir("bad-storage");
  const folder = `${home}/work`;
  mkdirSync(folder);
  const command = ["run", "--", "sh", "-c", `echo > ready; read go; ${script}`];
  const child = Bun.spawn([...before, aegisBinary(), ...command], {
    cwd: folder,
    env: cleanEnvironment({ HOME: home }),
    stdio: ["pipe", "ignore", "pipe"],
  });
  let text = "";
  const reading = (async () => {
    for await (const piece of child.stderr) text += new TextDecoder().decode(piece);
  })();
  await waitFor("the command", () => readdirSync(folder).includes("ready"));
  const ledger = `${home}/.aegis/ledger.db`;
  return {
    home,
    folder,
    ledger,
    child,
    said: () => text,
    release() {
      child.stdin.write("\n");
      child.stdin.end();
    },
    async ended() {
      const status = await child.exited;
      await reading;
      return status;
    },
  };
}

const made = ({ folder }: Run): string[] => readdirSync(folder).filter((name) => /^g/.test(name));

function report(run: Run, ...command: readonly string[]) {
  return spawnAegis(["audit", ...command, "--json"], { env: { HOME: run.home } });
}

describe("a command whose ledger", () => {
  test(
    "is locked by another program waits for as long as that takes, and nothing is lost",
    async () => {
      const count = 9000;
      const run = await start(`i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo x > g$i; done`);
      const other = new Database(run.ledger);
      other.run("PRAGMA busy_timeout = 60000");
      other.run("BEGIN IMMEDIATE");
      run.release();
      // Said no sooner than the ledger's own patience, which is 5 seconds, has ended.
      await waitFor("a word about it", () => run.said().includes("waiting for the ledger"));
      expect(run.child.exitCode).toBeNull();
      expect(made(run).length).toBeLessThan(count);
      other.run("ROLLBACK");
      other.close();
      expect(await run.ended()).toBe(0);
      expect(made(run)).toHaveLength(count);
      const db = new Database(run.ledger);
      const [row] = db
        .query<{ names: number }, []>(
          "SELECT count(DISTINCT json_extract(body, '$.payload.path')) AS names FROM event " +
            "WHERE type = 'FILE_WRITE' AND json_extract(body, '$.payload.path') LIKE '%/work/g%'",
        )
        .all();
      db.close();
      expect(row?.names).toBe(count);
      const verified = JSON.parse((await report(run, "verify")).stdout);
      expect(verified).toMatchObject({ valid: true, unclosed_sessions: [], losses: [] });
    },
    testMs,
  );

  test(
    "goes away is ended, and what is not stored is said in numbers",
    async () => {
      const run = await start("while :; do i=$((i+1)); echo x > g$i; done");
      mkdirSync(`${run.home}/away`);
      for (const end of ["", "-wal", "-shm"])
        renameSync(`${run.ledger}${end}`, `${run.home}/away/ledger.db${end}`);
      run.release();
      expect(await run.ended()).toBe(125);
      const told = /the file is gone.*; at least (\d+) accesses of session (\S+) are not stored/;
      const [, lost, session] = told.exec(run.said()) ?? [];
      // The shell opened more than it made; a few the killed helper had not told of yet.
      expect(Number(lost)).toBeGreaterThan(made(run).length / 2);
      for (const end of ["", "-wal", "-shm"])
        renameSync(`${run.home}/away/ledger.db${end}`, `${run.ledger}${end}`);
      const verified = JSON.parse((await report(run, "verify")).stdout);
      expect(verified).toMatchObject({ valid: true, unclosed_sessions: [session], losses: [] });
    },
    testMs,
  );
});

/** Mounts a small file system where nobody else sees it. */
const canMount =
  process.getuid?.() === 0 &&
  Bun.spawnSync(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).exitCode === 0;
const why = canMount ? "" : " (skipped: only root may mount a small file system)";

test.skipIf(!canMount)(
  `a command that fills the disk of its ledger is ended, and the ledger says how much it lacks${why}`,
  async () => {
    const home = tempDir("full-disk");
    // What the command holds open is given back when it is ended: then there is room for a word.
    const fill =
      "exec 3>big; rm big; dd if=/dev/zero bs=64k >&3 2>/dev/null; " +
      'while :; do i=$((i+1)); true < "$HOME/none$i"; done 2>/dev/null';
    const script =
      'mount -t tmpfs -o size=8m none "$HOME" && mkdir "$HOME/work" && cd "$HOME/work" && ' +
      '{ "$0" run --write "$HOME/work" -- sh -c "$1"; echo "status $?"; } 2>&1; ' +
      '"$0" audit verify --json; "$0" audit sessions';
    const child = Bun.spawn(["unshare", "--mount", "sh", "-c", script, aegisBinary(), fill], {
      env: cleanEnvironment({ HOME: home }),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const said = await child.stdout.text();
    expect(said).toContain("status 125");
    const [, lost] =
      /at least (\d+) accesses of session \S+ are not stored, which the ledger says/.exec(said) ?? [
        "",
        "none",
      ];
    expect(said).toContain('"valid": true');
    expect(said).toContain(`"actions": ${lost}`);
    expect(said).toMatch(/ incomplete /);
  },
  testMs,
);
