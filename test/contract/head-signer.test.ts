// A server's signatures over its ledger, over every store: at the start, now and then, at the end,
// by several servers, and none where the ledger is not the one that was signed.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { AegisError } from "../../src/base/errors.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { createHeadList } from "../../src/ledger/tree/head-memory.ts";
import { startHeadSigner } from "../../src/ledger/tree/head-signer.ts";
import { createSigner, type KeySource } from "../../src/ledger/tree/signer.ts";
import { waitFor } from "../support/harness.ts";
import { ledgerKinds, type TestLedger } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

/** No test waits for it. */
const never = 3_600_000;

async function refuse(failure: unknown): Promise<never> {
  throw failure;
}

function madeKey(origin: string, seed: number): KeySource {
  const signer = () => createSigner(origin, new Uint8Array(32).fill(seed));
  return {
    signer,
    verifierKey: async () => (await signer()).verifierKey,
    recordKey: async () => (await signer()).recordKey,
  };
}

async function send({ store }: TestLedger, count: number, session = "s"): Promise<void> {
  const request = { tenant: "acme", user: "u", session, type: "TOOL_RESULT", tsUnixMs: 1 };
  const payload = parseJsonText("{}");
  await createControlLog(store).append(
    Array.from({ length: count }, () => ({ ...request, payload })),
  );
}

const sizes = async ({ ledger }: TestLedger): Promise<readonly number[]> =>
  (await ledger.checkpoints(99)).map(({ size }) => size);

describe.each(ledgerKinds)("a server on %s", (_, open) => {
  test("signs at its start what an earlier one left, and the same no second time", async () => {
    const opened = await open();
    await send(opened, 3);
    await (await startHeadSigner(opened, refuse, never)).stop();
    await (await startHeadSigner(opened, refuse, never)).stop();
    expect(await sizes(opened)).toEqual([3]);
    const [signed] = await opened.ledger.checkpoints(1);
    expect(await opened.ledger.checkpoint()).toEqual(signed as never);
    expect(await opened.ledger.verify()).toMatchObject({ valid: true, checkpoint: signed });
  });

  test("signs nothing, and makes no key, where nothing was ever recorded", async () => {
    const opened = await open();
    const keys: KeySource = {
      signer: () => refuse("a key"),
      verifierKey: () => refuse("a key"),
      recordKey: () => refuse("a key"),
    };
    await (await startHeadSigner({ ...opened, keys }, refuse, never)).stop();
    expect(await sizes(opened)).toEqual([]);
  });

  test("signs what is new while it runs, and at its end what came since", async () => {
    const opened = await open();
    const signer = await startHeadSigner(opened, refuse, 5);
    await send(opened, 2);
    await waitFor("a checkpoint", async () => (await sizes(opened)).includes(2));
    await signer.stop();
    const last = await startHeadSigner(opened, refuse, never);
    await send(opened, 5);
    await last.stop();
    expect(await sizes(opened)).toEqual([7, 2]);
  });

  test("signs one history with others that have its key", async () => {
    const opened = await open();
    const signers = await Promise.all(
      [1, 2, 3].map(() => startHeadSigner({ ...opened, memory: createHeadList() }, refuse, 1)),
    );
    for (let at = 0; at < 40; at++) await send(opened, 1 + (at % 3), `s${at}`);
    await Promise.all(signers.map((signer) => signer.stop()));
    const report = await opened.ledger.verify();
    expect(report).toMatchObject({ findings: [], eventCount: 79 });
    expect(report.checkpoint?.size).toBe(79);
  });

  test("leaves a ledger that another key signs to that key, and says so once", async () => {
    const opened = await open();
    const told: unknown[] = [];
    const other = { ...opened, keys: madeKey(opened.store.origin, 2), memory: createHeadList() };
    await send(opened, 1);
    const first = await startHeadSigner(opened, refuse, never);
    await send(opened, 1);
    const second = await startHeadSigner(other, (failure) => told.push(failure), 1);
    await waitFor("its words", () => told.length > 0);
    await send(opened, 1);
    await second.stop();
    expect(told.map(String)).toEqual(["AegisError: Cannot sign the ledger: another key signs it"]);
    expect(await sizes(opened)).toEqual([1]);
    await first.stop();
    expect(await opened.ledger.verify()).toMatchObject({ valid: true, checkpoint: { size: 3 } });
  });

  test("is the only one to sign when several with different keys begin at once", async () => {
    const opened = await open();
    await send(opened, 4);
    const told: unknown[] = [];
    const signers = await Promise.all(
      [2, 3, 4, 5].map((seed) => {
        const keys = madeKey(opened.store.origin, seed);
        const parts = { ...opened, keys, memory: createHeadList() };
        return startHeadSigner(parts, (failure) => told.push(failure), never);
      }),
    );
    await send(opened, 4);
    await Promise.all(signers.map((signer) => signer.stop()));
    expect(told).toHaveLength(3);
    expect(await sizes(opened)).toEqual([8, 4]);
    const keyIds = (await opened.ledger.checkpoints(9)).map(({ note }) =>
      note.slice(note.lastIndexOf(" ") + 1).slice(0, 5),
    );
    expect(new Set(keyIds).size).toBe(1);
  });

  test("does not start on a ledger that has lost what was signed, and signs none meanwhile", async () => {
    const opened = await open();
    await send(opened, 3);
    const lost = { origin: opened.store.origin, size: 9, root: btoa("x".repeat(32)) };
    const told: unknown[] = [];
    const signer = await startHeadSigner(opened, (failure) => told.push(failure), 1);
    opened.memory.remember(lost, true);
    await waitFor("its words", () => told.length > 0);
    await signer.stop();
    expect(await sizes(opened)).toEqual([3]);
    expect(told).toHaveLength(1);
    const error = await startHeadSigner(opened, refuse, never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AegisError);
    expect((error as AegisError).code).toBe("ledger/tampered");
  });
});
