// That the SQL of a ledger in PostgreSQL is what CockroachDB, YugabyteDB and Citus take as well:
// the contract suite is run on a PostgreSQL that says it is CockroachDB and writes down what it is
// sent, and CockroachDB's own parser reads that. docs/postgresql.md has what they document.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { formats, guards } from "../../src/ledger/postgres/schema.ts";
import { testWith } from "../support/features.ts";
import { repoRoot } from "../support/harness.ts";
import { testMs } from "../support/patience.ts";
import { postgresPrograms } from "../support/postgres.ts";
import { tempDir } from "../support/temp.ts";

setDefaultTimeout(testMs);

const contracts = join(repoRoot, "test/contract");
const ofSuite = "(over|on) PostgreSQL|in PostgreSQL holds all of it|is brought to a newer format";
const sources = join(repoRoot, "src/ledger/postgres");

/** What is about every store, and some of what is about PostgreSQL alone. */
function suiteHas(code: string): boolean {
  return /each\(ledgerKinds\)|"holds all of it|"is brought to a newer format/.test(code);
}

/** Every statement that the suite sends to a server that says it is CockroachDB. */
async function recorded(): Promise<readonly string[]> {
  const folder = tempDir("statements");
  const files = readdirSync(contracts)
    .filter((name) => name !== basename(import.meta.path))
    .filter((name) => suiteHas(readFileSync(join(contracts, name), "utf8")))
    .map((name) => `./test/contract/${name}`);
  const filter = ["--timeout", String(testMs), "-t", ofSuite];
  const child = Bun.spawn([process.execPath, "test", ...filter, ...files], {
    cwd: repoRoot,
    env: { ...process.env, AEGIS_TEST_AS_COCKROACH: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [told, said] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${told}\n${said}`);
  const logs = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  const lines = logs.flatMap((log) => log.split("\n"));
  const sent = lines.map((line) => /^aegis\|LOG: {2}(?:statement|execute [^:]+): (.+)$/.exec(line));
  return [...new Set(sent.map((match) => match?.[1] ?? "").filter((text) => text !== ""))];
}

const begins = "SELECT|INSERT|UPDATE|DELETE|WITH|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|CREATE";
/** What is said to servers that may have guards. */
const ofGuards =
  /^(SAVEPOINT|RELEASE|ROLLBACK TO|CREATE (?:OR REPLACE )?(?:FUNCTION|TRIGGER)|UPDATE OR)\b/;

/** The texts of statements in the code, each with what may stand in its place. */
function written(): readonly (readonly [text: string, sent: RegExp])[] {
  const code = readdirSync(sources).map((name) => readFileSync(join(sources, name), "utf8"));
  const literal = new RegExp(`(["\`])((?:${begins})\\b(?:(?!\\1).)*)\\1`, "g");
  const texts = code.flatMap((text) => [...text.matchAll(literal)].map((match) => match[2] ?? ""));
  return texts
    .filter((text) => !ofGuards.test(text))
    .map((text) => {
      const parts = text.split(/\$\{(?:[^{}]|\{[^}]*\})*\}/).map((part) => RegExp.escape(part));
      return [text, new RegExp(parts.join(".*"))];
    });
}

async function parserSays(statements: readonly string[]): Promise<readonly string[]> {
  const child = Bun.spawn(["cockroach-parser"], {
    stdin: new Blob([JSON.stringify(statements)]),
    stdout: "pipe",
  });
  return JSON.parse(await child.stdout.text()) as string[];
}

async function refused(statements: readonly string[]): Promise<readonly string[]> {
  const said = await parserSays(statements);
  return statements.flatMap((text, at) => (said[at] === "" ? [] : [`${text}: ${said[at]}`]));
}

/** Known to mean something else, or nothing, in one of them. */
const different =
  /\b(serial|bigserial|sequence|nextval|identity|domain|references|advisory\w*|pg_\w*lock\w*|listen|notify|unlogged|inherits|partition|exclude|tsvector|jsonb|generated|now|clock_timestamp|random|temp|temporary|copy|declare)\b/i;
const arithmetic = /(?<!SELEC)[\w)] [-+*/%] [\w($]/;

if (postgresPrograms === undefined) {
  test.skip("SQL of other databases (skipped, needs: postgresql)", () => undefined);
} else {
  let statements: readonly string[] = [];

  test("the contract suite holds, and sends every statement there is", async () => {
    statements = await recorded();
    const unsent = written().filter(([, sent]) => !statements.some((text) => sent.test(text)));
    expect(unsent.map(([text]) => text)).toEqual([]);
    expect(statements.filter((text) => ofGuards.test(text))).toEqual([]);
  });

  test("nothing that is sent is taken differently elsewhere", () => {
    expect(statements.length).toBeGreaterThan(50);
    for (const text of [...statements, ...formats.flat()]) {
      expect(text).not.toMatch(different);
      expect(text).not.toMatch(arithmetic);
    }
    // Guards are tried, and left out where they are not taken.
    for (const statement of guards) expect(statement).toMatch(/^CREATE (FUNCTION|TRIGGER) /);
    for (const text of ["SELECT pg_advisory_lock(1)", "SELECT a FROM t WHERE ts > now()"]) {
      expect(text).toMatch(different);
    }
    expect("SELECT a FROM t WHERE idx > $1 / 2").toMatch(arithmetic);
  });

  testWith(["tool cockroach-parser"], "CockroachDB's parser takes all that is sent", async () => {
    expect(statements.length).toBeGreaterThan(50);
    expect(await refused(statements)).toEqual([]);
  });

  testWith(["tool cockroach-parser"], "CockroachDB's parser refuses what it does not", async () => {
    const wrong = [
      "SELEC 1",
      'CREATE TABLE t (a text COLLATE "C")',
      "LISTEN",
      "CREATE DOMAIN d AS int",
    ];
    expect(await refused(["SELECT 1", ...wrong])).toHaveLength(wrong.length);
  });
}
