// What is done over connections to PostgreSQL: reads, single changes, and transactions that are run
// again when the server undid them or the connection was lost on the way.

import { AegisError } from "../../base/errors.ts";
import { randomSecret } from "../../base/ids.ts";
import {
  contradicts,
  isConstraint,
  isLate,
  isLost,
  isUndone,
  outcomeUnknown,
  unavailable,
} from "./error.ts";
import { type PostgresPlace, placeName } from "./place.ts";
import {
  createPool,
  inTime,
  type Pool,
  type Reserved,
  type Session,
  type SqlResult,
  type SqlValue,
  sessionOver,
} from "./pool.ts";

export interface Work<T> {
  run(session: Session): Promise<T>;
  /** The rest of the transaction: each statement has its time, all of them as much as they need. */
  lastly?(session: Session, value: T): Promise<void>;
  /** Whether an earlier `run` that gave `value` was stored, although nobody said so. */
  isStored(session: Session, value: T): Promise<boolean>;
}

export interface View {
  readonly session: Session;
  end(): Promise<void>;
}

export interface Connections {
  readonly name: string;
  read<T>(work: (session: Session) => Promise<T>, silenceMs?: number): Promise<T>;
  /** One statement that changes something, on its own. */
  change(text: string, values: readonly SqlValue[]): Promise<SqlResult>;
  /** All of it or nothing; durable when it resolves. `run` may be called several times. */
  transact<T>(work: Work<T>): Promise<T>;
  /** A transaction that sees one state; to be ended. */
  view(): Promise<View>;
  /**
   * One transaction, however long, that is run once: what it writes is there when it resolves, and
   * none of it when it throws, unless the error says that nobody knows.
   */
  fill(work: (session: Session) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

const readersMax = 6;
const writersMax = 2;
const silenceMaxMs = 35_000;
const writeSilenceMaxMs = 15_000;
/** Other writers make a database that isolates strictly undo and ask again. */
const runsMax = 40;
const pauseMaxMs = 64;

export function connect(place: PostgresPlace): Connections {
  const name = placeName(place);
  const readers = createPool(place, readersMax);
  const writers = createPool(place, writersMax);
  return {
    name,
    read: (work, silenceMs) => read(readers, name, work, silenceMs),
    change: (text, values) => change(writers, name, text, values),
    transact: (work) => transact(writers, name, work),
    view: () => view(readers, name),
    fill: (work) => fill(writers, name, work),
    async close() {
      await Promise.all([readers.close(), writers.close()]);
    },
  };
}

async function read<T>(
  readers: Pool,
  name: string,
  work: (session: Session) => Promise<T>,
  silenceMs = silenceMaxMs,
): Promise<T> {
  for (let run = 1; ; run++) {
    const pool = readers.current();
    try {
      return await inTime(silenceMs, work(sessionOver(pool)), () => readers.renew(pool));
    } catch (error) {
      if (run === 1 && (isLost(error) || isUndone(error))) continue;
      throw unavailable("read the ledger", name, error);
    }
  }
}

async function change(
  writers: Pool,
  name: string,
  text: string,
  values: readonly SqlValue[],
): Promise<SqlResult> {
  for (let run = 1; ; run++) {
    const pool = writers.current();
    try {
      const changed = sessionOver(pool).query(text, values);
      return await inTime(writeSilenceMaxMs, changed, () => writers.renew(pool));
    } catch (error) {
      if (!isUndone(error) || run === runsMax) throw unavailable("change the ledger", name, error);
      await pause(run);
    }
  }
}

async function transact<T>(writers: Pool, name: string, work: Work<T>): Promise<T> {
  let unsure: { readonly value: T } | undefined;
  let losses = 0;
  for (let run = 1; ; run++) {
    const before = unsure;
    const outcome = await runOnce(writers, {
      async run(session) {
        const isThere = before !== undefined && (await work.isStored(session, before.value));
        if (isThere) return { value: before.value, isThere };
        return { value: await work.run(session), isThere };
      },
      async lastly(session, { value, isThere }) {
        if (!isThere) await work.lastly?.(session, value);
      },
    });
    if (outcome.kind === "stored") return outcome.value.value;
    const { error } = outcome;
    if (outcome.kind === "unknown") unsure = { value: outcome.value.value };
    if (isUndone(error) && run < runsMax) {
      await pause(run);
      continue;
    }
    losses += 1;
    if (isLost(error) && losses === 1) continue;
    if (unsure !== undefined) throw outcomeUnknown(name, error);
    if (isConstraint(error)) throw contradicts(name, error);
    throw unavailable("append to the ledger", name, error);
  }
}

async function view(readers: Pool, name: string): Promise<View> {
  const reserved = await read(readers, name, () => readers.reserve());
  try {
    await reserved.session.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  } catch (error) {
    reserved.drop();
    throw unavailable("read the ledger", name, error);
  }
  const session = patient(reserved, (error) => unavailable("read the ledger", name, error));
  return { session, end: () => rollBack(reserved) };
}

async function fill(
  writers: Pool,
  name: string,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const failed = (error: unknown): AegisError => unavailable("write to the ledger", name, error);
  const from = writers.current();
  const reserved = await inTime(writeSilenceMaxMs, writers.reserve(), () =>
    writers.renew(from),
  ).catch((error: unknown) => {
    throw failed(error);
  });
  try {
    const session = patient(reserved, (error) => error);
    await session.query("BEGIN");
    await work(session);
  } catch (error) {
    await rollBack(reserved);
    throw failed(error);
  }
  try {
    await inTime(writeSilenceMaxMs, reserved.session.query("COMMIT"), reserved.drop);
    reserved.release();
  } catch (error) {
    reserved.drop();
    if (!isLost(error) && !isLate(error)) throw failed(error);
    throw new AegisError("ledger/unavailable", `${failed(error).message}; it may be there`, {
      hint: "`aegis audit verify --ledger` says whether it is, and whole",
      cause: error,
    });
  }
}

/** Each statement has its time, all of them together as much as they need. */
function patient(reserved: Reserved, told: (error: unknown) => unknown): Session {
  return {
    async query(text, values) {
      try {
        const found = reserved.session.query(text, values);
        return await inTime(silenceMaxMs, found, () => reserved.drop());
      } catch (error) {
        throw told(error);
      }
    },
  };
}

type Outcome<T> =
  | { readonly kind: "stored"; readonly value: T }
  | { readonly kind: "undone"; readonly error: unknown }
  /** The end was asked for, and no answer came. */
  | { readonly kind: "unknown"; readonly error: unknown; readonly value: T };

async function runOnce<T>(
  pool: Pool,
  work: Required<Pick<Work<T>, "run" | "lastly">>,
): Promise<Outcome<T>> {
  let reserved: Reserved;
  const from = pool.current();
  try {
    reserved = await inTime(writeSilenceMaxMs, pool.reserve(), () => pool.renew(from));
  } catch (error) {
    return { kind: "undone", error };
  }
  const { session, drop } = reserved;
  let value: T;
  try {
    await inTime(writeSilenceMaxMs, session.query("BEGIN"), drop);
    value = await inTime(writeSilenceMaxMs, work.run(session), drop);
    await work.lastly(
      patient(reserved, (error) => error),
      value,
    );
  } catch (error) {
    await rollBack(reserved);
    if (error instanceof AegisError) throw error;
    return { kind: "undone", error };
  }
  try {
    await inTime(writeSilenceMaxMs, session.query("COMMIT"), drop);
    reserved.release();
    return { kind: "stored", value };
  } catch (error) {
    drop();
    const isOpen = isLost(error) || isLate(error);
    return isOpen ? { kind: "unknown", error, value } : { kind: "undone", error };
  }
}

async function rollBack(reserved: Reserved): Promise<void> {
  try {
    await inTime(writeSilenceMaxMs, reserved.session.query("ROLLBACK"), reserved.drop);
    reserved.release();
  } catch {
    // ignored: a connection that is gone rolls back by itself
    reserved.drop();
  }
}

/** Longer and longer, and never in step with others. */
function pause(run: number): Promise<void> {
  const [chance = 0] = randomSecret(1);
  return Bun.sleep((chance / 255) * Math.min(2 ** run, pauseMaxMs));
}
