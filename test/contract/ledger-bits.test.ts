// Every column of every row of a ledger, one bit of each turned over: found, and named, by the
// verification of the whole, and by that of the session whose it is.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { AegisError } from "../../src/base/errors.ts";
import type { VerifyFinding } from "../../src/ledger/contract.ts";
import type { ControlLog } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { sealRecords } from "../../src/ledger/control/sealed-store.ts";
import { stepsPrefix } from "../../src/ledger/control/session-records.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { openPostgresStore } from "../../src/ledger/postgres/store.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import type { Store } from "../../src/ledger/store.ts";
import { startHeadSigner } from "../../src/ledger/tree/head-signer.ts";
import {
  memoryLedger,
  opening,
  postgresLedger,
  recordSession,
  sqliteLedger,
  startMs,
  type TestLedger,
  testPolicy,
} from "../support/ledger.ts";
import {
  type CellValue,
  type LedgerCells,
  type LedgerRow,
  type LedgerTable,
  postgresCells,
  sqliteCells,
} from "../support/ledger-cells.ts";
import { testMs } from "../support/patience.ts";
import { postgresPrograms, postgresServer } from "../support/postgres.ts";
import { seededRandom } from "../support/random-json.ts";
import { recordEverything, richSessions, throughKeys } from "../support/rich-ledger.ts";

setDefaultTimeout(2 * testMs);

interface Bits {
  readonly cells: LedgerCells;
  /** As whoever starts a program finds it. */
  open(): Promise<Opened>;
}

interface Opened extends TestLedger {
  readonly log: ControlLog;
}

type Outside = Pick<TestLedger, "keys" | "memory">;

/** As a server has it. */
async function sealed(store: Store, { keys, memory }: Outside): Promise<Store> {
  return sealRecords(store, { keys, memory });
}

async function seen(store: Store, { keys, memory }: Outside): Promise<Opened> {
  const read = throughKeys(await sealed(store, { keys, memory }));
  const ledger = createLedger({ store: read, keys, memory });
  return { store, keys, memory, ledger, log: createControlLog(read, { keys, memory }) };
}

type Fill = (opened: TestLedger, log: ControlLog) => Promise<void>;

async function openSqlite(fill: Fill): Promise<Bits> {
  const opened = sqliteLedger();
  await fill(opened, createControlLog(await sealed(opened.store, opened)));
  await opened.ledger.close();
  const cells = sqliteCells(opened.path);
  return { cells, open: async () => seen(openSqliteStore(opened.path), opened) };
}

async function openPostgres(fill: Fill): Promise<Bits> {
  const place = await (await postgresServer()).place();
  const opened = await postgresLedger(place);
  await fill(opened, createControlLog(await sealed(opened.store, opened)));
  const cells = await postgresCells(place);
  return { cells, open: async () => seen(await openPostgresStore(place), opened) };
}

const kinds: readonly (readonly [string, (fill: Fill) => Promise<Bits>])[] = [
  ["SQLite", openSqlite],
  ...(postgresPrograms === undefined ? [] : [["PostgreSQL", openPostgres] as const]),
];

/** What concerns a session and is not found by its own verification, with the reason. */
const notByTheSession: Readonly<Record<string, string>> = {
  "session.id": "nothing is left under that name, as for a session that nobody wrote to",
  "session.first_idx": "it is the place in lists of sessions, and nothing that the session says",
  "record.kind": "nothing is left of that kind, as where there was no such record",
  "record.key": "nothing is left under that key, as where there was no such record",
  "head.id": "nobody reads it but the verification of the whole",
  "head.guarded": "it is about the guards of the database",
};

describe.each(kinds)("one bit of every column of every row over %s", (kind, open) => {
  test("is found and named", async () => {
    const bits = await open(recordEverything);
    const { missed, flips } = await sweep(bits, richSessions, 17);
    expect(missed).toEqual([]);
    console.log(`ledger bits: ${flips} turned over ${kind}, each found`);
  });

  test("is found and named where events were purged as well", async () => {
    const bits = await open(recordAndPurge);
    const { missed, flips } = await sweep(bits, [], 23);
    expect(missed).toEqual([]);
    console.log(`ledger bits: ${flips} turned over ${kind} after a purge, each found`);
  });

  test("of the head is found before the first checkpoint as well", async () => {
    const [one] = richSessions;
    const bits = await open(async (opened, log) => {
      await startHeadSigner(opened, () => undefined, testMs);
      await log.append([{ ...one, user: "", type: "X", payload: null, tsUnixMs: 5 }]);
      expect(await opened.store.checkpoints(1)).toEqual([]);
    });
    const { missed } = await sweep(bits, [one], 19);
    expect(missed).toEqual([]);
  });
});

/** Of five sessions two were purged, one of this machine and one of a client. */
async function recordAndPurge({ ledger }: TestLedger, log: ControlLog): Promise<void> {
  await recordSession(ledger, 12, { tag: "first" });
  const [one] = richSessions;
  const event = { ...one, user: "u", payload: null };
  await log.append([
    { ...event, type: "TOOL_CALL_PROPOSED", tsUnixMs: startMs, idempotencyKey: "k" },
    { ...event, type: "TERMINATION", tsUnixMs: startMs },
    { ...event, session: "kept", type: "X", tsUnixMs: startMs, idempotencyKey: "l" },
  ]);
  await ledger.openSession(opening({ name: "open" }), testPolicy, startMs);
  const about = { by: "me", command: ["aegis"], directory: "/" };
  await ledger.purge({ ...about, beforeUnixMs: startMs + 10, tsUnixMs: startMs + 20 });
}

test("a session is sound also where the ledger was signed with a key that is not here", async () => {
  const { ledger, store } = sqliteLedger();
  const [one] = richSessions;
  const append = createControlLog(store);
  await append.append([{ ...one, user: "", type: "X", payload: null, tsUnixMs: 5 }]);
  await ledger.checkpoint();
  const { keys, memory } = memoryLedger(store.origin);
  const log = createControlLog(store, { keys, memory });
  expect(await log.verify(one.tenant, one.session)).toMatchObject({ valid: true });
  await ledger.close();
});

/** Turns them one by one, and each back again. */
async function sweep(
  { cells, open }: Bits,
  all: readonly SessionName[],
  seed: number,
): Promise<{ readonly missed: readonly string[]; readonly flips: number }> {
  const opened = await open();
  const before = (await opened.ledger.verify()).findings;
  // Where guards can be passed only by taking them away, that is told as well.
  expect(before.filter((one) => one.kind !== "schema-changed")).toEqual([]);
  expect(await invalid(opened, all)).toEqual([]);
  const random = seededRandom(seed);
  const names = await sessionNames(cells);
  const missed: string[] = [];
  let flips = 0;
  for (const { table, short, row, column, times } of await everyCell(cells)) {
    const cell = `${short}.${column}`;
    const sessions = cell in notByTheSession ? [] : concerned(short, row, names, all);
    for (let at = 0; at < times; at++) {
      const turned = await turn(cells, table, row, column, random);
      if (turned === undefined) continue;
      const wanted = { before, sessions, name: nameOf(short, row, turned) };
      // What a program reads of a head when it starts it does not read again.
      const problem =
        short === "head"
          ? await inReopened(open, (now) => problemIn(now, wanted))
          : await problemIn(opened, wanted);
      const where = `${cell} of ${keyText(table, row)} as ${show(turned[column] ?? null)}`;
      if (problem !== undefined) missed.push(`${where}: ${problem}`);
      await cells.set(table, turned, column, row[column] ?? null);
      flips += 1;
    }
  }
  expect((await opened.ledger.verify()).findings).toEqual(before);
  expect(await invalid(opened, all)).toEqual([]);
  await cells.close();
  return { missed, flips };
}

interface Cell {
  readonly table: LedgerTable;
  /** Its name, whatever it begins with. */
  readonly short: string;
  readonly row: LedgerRow;
  readonly column: string;
  /** Bits of it to turn. */
  readonly times: number;
}

async function everyCell(cells: LedgerCells): Promise<readonly Cell[]> {
  const found: Cell[] = [];
  for (const table of await cells.tables()) {
    const short = table.name.replace(/^aegis_/, "");
    const times = short === "event" ? 1 : 3;
    for (const row of await cells.rows(table)) {
      found.push(...table.columns.map((column) => ({ table, short, row, column, times })));
    }
  }
  return found;
}

type SessionName = (typeof richSessions)[number];

async function invalid(
  { log }: Opened,
  sessions: readonly SessionName[],
): Promise<readonly SessionName[]> {
  const verdicts = await Promise.all(
    sessions.map(async (one) => ({ one, ...(await log.verify(one.tenant, one.session)) })),
  );
  return verdicts.filter(({ valid }) => !valid).map(({ one }) => one);
}

interface Wanted {
  /** What was found before. */
  readonly before: readonly VerifyFinding[];
  readonly sessions: readonly SessionName[];
  readonly name: RegExp;
}

/** Undefined: it was found and named. */
async function problemIn(
  opened: Opened,
  { before, sessions, name }: Wanted,
): Promise<string | undefined> {
  const { findings } = await opened.ledger.verify();
  const messages = findings
    .map(({ message }) => message)
    .filter((message) => !before.some((one) => one.message === message));
  if (messages.length === 0) return "not found";
  const isNamed = messages.some((message) => message.match(name) !== null);
  if (!isNamed) return `not named (${name}): ${messages.slice(0, 3).join("; ")}`;
  const found = await invalid(opened, sessions);
  const missed = sessions.filter((one) => !found.includes(one));
  return missed.length === 0 ? undefined : `not found by ${JSON.stringify(missed)}`;
}

/** A ledger that is not even opened any more is found as well. */
async function inReopened(
  reopen: () => Promise<Opened>,
  work: (now: Opened) => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    const now = await reopen();
    try {
      return await work(now);
    } finally {
      await now.ledger.close();
    }
  } catch (error) {
    if (error instanceof AegisError) return undefined;
    throw error;
  }
}

/** What an event's column says of its session, to the session's own name. */
async function sessionNames(cells: LedgerCells): Promise<ReadonlyMap<string, string>> {
  const tables = await cells.tables();
  const table = tables.find(({ name }) => /^(?:aegis_)?session$/.test(name));
  if (table === undefined) throw new Error("no sessions");
  const rows = await cells.rows(table);
  return new Map(rows.map((row) => [String(row.num ?? row.id), String(row.id)]));
}

/** Sessions of clients that the row is about. */
function concerned(
  table: string,
  row: LedgerRow,
  names: ReadonlyMap<string, string>,
  all: readonly SessionName[],
): readonly SessionName[] {
  if (table === "head") return all;
  if (table === "record") return all.filter((one) => isOfSession(row, one));
  if (table !== "event" && table !== "session") return [];
  const id = table === "session" ? row.id : names.get(String(row.session));
  return all.filter(({ tenant, session }) => `${tenant}/${session}` === id);
}

/** What idempotency keys were answered is the tenant's, and found where such a key is used. */
function isOfSession({ kind, key }: LedgerRow, { tenant, session }: SessionName): boolean {
  if (kind === "steps") return String(key).startsWith(stepsPrefix(tenant, session));
  return kind === "approval" && tenant === richSessions[0].tenant && session === "client";
}

/** What a message has that names the row. */
function nameOf(table: string, row: LedgerRow, turned: LedgerRow): RegExp {
  const either = (column: string, written = show) => {
    const texts = [row, turned].map((one) => RegExp.escape(written(one[column] ?? "")));
    return `(?:${texts.join("|")})`;
  };
  const quoted = (value: CellValue) => JSON.stringify(show(value));
  if (table === "event") return new RegExp(`\\bevents? ${either("idx")}\\b`);
  // Where a session is known by another number than its events, they are what is left to name.
  if (table === "session")
    return new RegExp(
      `session "${either("id")}"|event \\d+ (?:has columns|is not what was encrypted)`,
    );
  if (table === "node") return new RegExp(`tree node ${row.level}/${row.position}\\b`);
  if (table === "policy") return new RegExp(either("hash"));
  if (table === "policy_load") {
    return new RegExp(`by event ${row.idx}\\b|session ".+" loaded other policies`);
  }
  // What is purged of a session stands or falls together.
  if (table === "purged")
    return new RegExp(`\\bevents? ${either("idx")}\\b|of session ".+" are not`);
  if (table === "checkpoint") return new RegExp(`over ${either("size")} events`);
  if (table === "record") return new RegExp(`${either("kind", quoted)} ${either("key", quoted)}`);
  return /\bhead\b|another ledger/;
}

function keyText({ key }: LedgerTable, row: LedgerRow): string {
  return key.map((one) => show(row[one] ?? null)).join("/");
}

function show(value: CellValue): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

/** The row as it is then. */
async function turn(
  cells: LedgerCells,
  table: LedgerTable,
  row: LedgerRow,
  column: string,
  random: () => number,
): Promise<LedgerRow | undefined> {
  for (let tries = 0; tries < 64; tries++) {
    const value = flipped(row[column] ?? null, random);
    if (await cells.set(table, row, column, value)) return { ...row, [column]: value };
  }
  return undefined;
}

/** Where there is no bit to turn there is something now. */
function flipped(value: CellValue, random: () => number): CellValue {
  if (value === null) return "1";
  if (typeof value === "bigint") return value ^ (1n << BigInt(Math.floor(random() * 16)));
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value);
  if (bytes.length === 0) return typeof value === "string" ? "x" : new Uint8Array([1]);
  const bit = Math.floor(random() * bytes.length * 8);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes;
}
