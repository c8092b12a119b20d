// A real PostgreSQL server for tests: as a plain user, in a temporary folder, on a free port of
// loopback, gone with the process that started it.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PostgresPlace } from "../../src/ledger/postgres/place.ts";
import { afterAllTests } from "./endings.ts";
import { freePort } from "./free-port.ts";
import { asPlainUser, giveToPlainUser, waitFor } from "./harness.ts";
import { conditionMs } from "./patience.ts";
import { tempDir } from "./temp.ts";

export interface PostgresServer {
  /** With characters that a URL has to spell otherwise. */
  readonly password: string;
  readonly port: number;
  /** A schema of its own, fresh for every call. */
  place(changes?: Partial<PostgresPlace>): Promise<PostgresPlace>;
  /** Whatever there is to say to it, as its superuser. */
  admin(): Bun.SQL;
  /** Ends it as if its machine had lost power. */
  kill(): Promise<void>;
  /** With what it had on disk. */
  start(): Promise<void>;
  pause(): void;
  resume(): void;
}

/** Undefined where PostgreSQL is not installed. */
export const postgresPrograms: string | undefined = findPrograms();

function findPrograms(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).map(Number) : [];
  const newest = join(debian, String(Math.max(...versions)), "bin");
  if (existsSync(join(newest, "initdb"))) return newest;
  const found = Bun.which("postgres");
  return found === null ? undefined : join(found, "..");
}

/**
 * Folder where servers write every statement that they are sent, one that begins with `aegis|` for
 * each of ours; they answer as CockroachDB then, where they are asked what they are.
 */
const asCockroach = process.env.AEGIS_TEST_AS_COCKROACH;
const logging =
  asCockroach === undefined ? [] : ["-c", "log_statement=all", "-c", "log_line_prefix=%a|"];

const shared: Promise<PostgresServer>[] = [];
const running = new Set<Bun.Subprocess>();

/** One for all tests of a process. */
export function postgresServer(): Promise<PostgresServer> {
  const [known = startPostgres()] = shared;
  shared[0] = known;
  return known;
}

/** Also when we are killed, where that can be said. */
const endsWithUs = Bun.which("setpriv") === null ? [] : ["setpriv", "--pdeathsig", "QUIT"];

async function stopAll(): Promise<void> {
  for (const child of running) {
    child.kill("SIGCONT");
    child.kill("SIGQUIT");
    await child.exited;
  }
}

/** On a busy machine a server that lost power takes its time to look at all its files. */
const startMaxMs = 2 * conditionMs;
const startPauseMs = 50;
const password = "p@ss/w:rd %";
const user = "aegis";

/**
 * @param settings more of them, as `name=value`
 * @param files more of them, in its folder
 */
export async function startPostgres(
  settings: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  if (postgresPrograms === undefined) throw new Error("PostgreSQL is not installed");
  const folder = madeFolder(postgresPrograms, files);
  const port = freePort();
  const argv = asPlainUser([
    ...[...endsWithUs, join(postgresPrograms, "postgres"), "-D", join(folder, "data")],
    ...["-p", String(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"],
    ...["-c", "max_connections=400", ...logging, ...settings.flatMap((one) => ["-c", one])],
  ]);
  const options: Bun.SQL.Options = {
    ...{ adapter: "postgres", hostname: "127.0.0.1", port, database: "postgres" },
    ...{ username: user, password, tls: false, max: 1, connection: {} },
  };
  const log = Bun.file(join(asCockroach ?? folder, `log-${port}`));
  let child = await launch(argv, options, log);
  let admin = new Bun.SQL(options);
  let schemas = 0;
  return {
    password,
    port,
    admin: () => admin,
    async place(changes = {}) {
      schemas += 1;
      const searchPath = `ledger_${schemas}`;
      await admin.unsafe(`CREATE SCHEMA ${searchPath}`);
      if (asCockroach !== undefined) await admin.unsafe(versionIn(searchPath));
      return {
        ...{ host: folder, port, database: "postgres", user, password, tls: undefined },
        ...{ applicationName: "aegis", searchPath: `${searchPath}${ownFirst}` },
        ...changes,
      };
    },
    async kill() {
      child.kill("SIGCONT");
      child.kill("SIGQUIT");
      await child.exited;
      running.delete(child);
      await admin.close({ timeout: 0 });
    },
    async start() {
      child = await launch(argv, options, log);
      admin = new Bun.SQL(options);
    },
    pause: () => pauseAll(child.pid, "SIGSTOP"),
    resume: () => pauseAll(child.pid, "SIGCONT"),
  };
}

/** What is said to be searched last is. */
const ownFirst = asCockroach === undefined ? "" : ", pg_catalog";

function versionIn(schema: string): string {
  const version = "CockroachDB CCL v26.3.0 (x86_64-pc-linux-gnu)";
  return `CREATE FUNCTION ${schema}.version() RETURNS text LANGUAGE sql AS $$ SELECT '${version}' $$`;
}

function madeFolder(programs: string, files: Readonly<Record<string, string>>): string {
  const folder = tempDir("postgres");
  const data = join(folder, "data");
  writeFileSync(join(folder, "password"), password);
  giveToPlainUser(folder);
  const made = Bun.spawnSync(
    asPlainUser([
      ...[join(programs, "initdb"), "-D", data, "-U", user, "-E", "UTF8", "--locale=C"],
      ...["-A", "scram-sha-256", `--pwfile=${join(folder, "password")}`, "--no-sync"],
    ]),
    { cwd: "/", stdio: ["ignore", "ignore", "pipe"] },
  );
  if (made.exitCode !== 0) throw new Error(`initdb: ${made.stderr.toString()}`);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(data, name), content, { mode: 0o600 });
    giveToPlainUser(join(data, name));
  }
  return folder;
}

async function launch(
  argv: readonly string[],
  options: Bun.SQL.Options,
  log: Bun.BunFile,
): Promise<Bun.Subprocess> {
  const child = Bun.spawn([...argv], { cwd: "/", stdio: ["ignore", log, log] });
  if (running.size === 0) afterAllTests(stopAll);
  running.add(child);
  const isUp = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`postgres: ${await log.text()}`);
    const sql = new Bun.SQL(options);
    try {
      return (await sql.unsafe("SELECT 1")).length === 1;
    } catch {
      // ignored: not yet
      await Bun.sleep(startPauseMs);
      return false;
    } finally {
      await sql.close({ timeout: 0 });
    }
  };
  await waitFor("PostgreSQL to answer", isUp, startMaxMs);
  return child;
}

/** The server and the processes it has for its connections. */
function pauseAll(pid: number, signal: "SIGSTOP" | "SIGCONT"): void {
  process.kill(pid, signal);
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8");
    for (const one of children.split(" ").filter((text) => text.trim() !== "")) {
      process.kill(Number(one), signal);
    }
  }
}
