// A ledger of three sessions that every test may ruin: recorded once, copied for each test.

import { afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { cpSync } from "node:fs";
import type { FindingKind, VerifyReport } from "../../src/ledger/contract.ts";
import { recordSession, type SqliteLedger, sqliteLedger } from "./ledger.ts";
import { tempDir } from "./temp.ts";

/** Three sessions of 104 events: three to open, 100 accesses, one to close. */
export const victimEvents = 312;
export const sessionEvents = 104;

export interface Victim {
  readonly home: string;
  /** Database, head memory and key, while no one has them open. */
  readonly path: string;
  readonly headsPath: string;
  readonly keyPath: string;
  /** Opens the ledger as it is now; closed after the test. */
  open(): SqliteLedger;
  verify(): Promise<VerifyReport>;
  /** The kinds of findings, each once, in alphabetical order. */
  kinds(): Promise<readonly FindingKind[]>;
}

/** Call it once at the top of a test file. */
export function useVictim(): Victim {
  let template = "";
  let home = "";
  let opened: SqliteLedger[] = [];

  beforeAll(async () => {
    template = tempDir("ledger");
    const { ledger } = sqliteLedger(template);
    for (const name of ["first", "second", "third"]) await recordSession(ledger, 100, { name });
    await ledger.close();
  });

  beforeEach(() => {
    home = tempDir("ledger");
    cpSync(template, home, { recursive: true });
    opened = [];
  });

  afterEach(async () => {
    for (const { ledger } of opened) await ledger.close();
  });

  const victim: Victim = {
    get home() {
      return home;
    },
    get path() {
      return `${home}/ledger.db`;
    },
    get headsPath() {
      return `${home}/keys/heads/ledger`;
    },
    get keyPath() {
      return `${home}/keys/ledger.key`;
    },
    open() {
      const ledger = sqliteLedger(home);
      opened.push(ledger);
      return ledger;
    },
    verify: () => victim.open().ledger.verify(),
    async kinds() {
      const { findings, valid } = await victim.verify();
      expect(valid).toBe(findings.length === 0);
      return [...new Set(findings.map(({ kind }) => kind))].sort();
    },
  };
  return victim;
}
