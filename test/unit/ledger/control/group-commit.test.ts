// When the next transaction of many clients is begun, and who shares it.

import { expect, test } from "bun:test";
import type { AppendOutcome, AppendRequest } from "../../../../src/ledger/control/contract.ts";
import { type Appended, createGroupCommit } from "../../../../src/ledger/control/group-commit.ts";

function request(session: string): AppendRequest {
  const rest = { tenant: "t", user: "", type: "X", payload: null, tsUnixMs: 1 };
  return { session, ...rest };
}

interface Transaction {
  readonly sessions: readonly string[];
  commit(): void;
  /** Durable. */
  end(): void;
  fail(): void;
}

/** A store whose transactions are committed and made durable when the test says so. */
function store() {
  const begun: Transaction[] = [];
  const append = createGroupCommit(
    (requests, onCommitted) => {
      const { promise, resolve, reject } = Promise.withResolvers<Appended>();
      const outcomes = requests.map((_, index): AppendOutcome => {
        return { kind: "stored", seq: begun.length, hash: "", index };
      });
      begun.push({
        sessions: requests.map(({ session }) => session),
        commit: onCommitted,
        end: () => resolve({ outcomes, stored: [] }),
        fail: () => reject(new Error("the disk is full")),
      });
      return promise;
    },
    () => undefined,
  );
  const send = (...sessions: string[]) => append(sessions.map(request));
  const begunSessions = async (): Promise<readonly (readonly string[])[]> => {
    // Twice: what ends may begin the next in the turn after.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    return begun.map(({ sessions }) => sessions);
  };
  return { send, begun, begunSessions };
}

test("whoever comes in one turn of the loop shares a transaction", async () => {
  const { send, begunSessions } = store();
  void send("a");
  void send("b", "c");
  expect(await begunSessions()).toEqual([["a", "b", "c"]]);
});

test("nothing is begun while a transaction is put together", async () => {
  const { send, begun, begunSessions } = store();
  void send("a");
  await begunSessions();
  void send("b", "c");
  expect(await begunSessions()).toEqual([["a"]]);
  begun[0]?.commit();
  expect(await begunSessions()).toEqual([["a"], ["b", "c"]]);
});

test("while the disk works the next is begun once it is as large, and not before", async () => {
  const { send, begun, begunSessions } = store();
  void send("a", "b");
  await begunSessions();
  begun[0]?.commit();
  void send("c");
  expect(await begunSessions()).toEqual([["a", "b"]]);
  void send("d");
  expect(await begunSessions()).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
});

test("once the disk is done whatever waits is begun", async () => {
  const { send, begun, begunSessions } = store();
  const first = send("a", "b");
  await begunSessions();
  begun[0]?.commit();
  void send("c");
  begun[0]?.end();
  expect((await first).length).toBe(2);
  expect(await begunSessions()).toEqual([["a", "b"], ["c"]]);
});

test("a store that commits and flushes at once has one transaction after the other", async () => {
  const { send, begun, begunSessions } = store();
  void send("a");
  await begunSessions();
  void send("b", "c");
  expect(await begunSessions()).toEqual([["a"]]);
  begun[0]?.end();
  expect(await begunSessions()).toEqual([["a"], ["b", "c"]]);
});

test("a transaction that fails is told to its own clients alone", async () => {
  const { send, begun, begunSessions } = store();
  const first = send("a").catch((error: Error) => error.message);
  await begunSessions();
  begun[0]?.commit();
  const second = send("b");
  await begunSessions();
  begun[0]?.fail();
  begun[1]?.end();
  expect(await first).toBe("the disk is full");
  expect((await second).length).toBe(1);
});
