// Whose turn it is.

import { describe, expect, test } from "bun:test";
import { createTurns } from "../../../src/app/turns.ts";

/** Work that ends when it is told to, and what happened so far. */
function stage(waitingMax = 10) {
  const turns = createTurns(waitingMax);
  const happened: string[] = [];
  return {
    happened,
    begin(key: string, name: string) {
      const { promise, resolve, reject } = Promise.withResolvers<object>();
      const done = turns.take(key, () => {
        happened.push(name);
        return promise;
      });
      return { done, end: () => resolve({ name }), fail: () => reject(new Error(name)) };
    },
  };
}

describe("createTurns()", () => {
  test("lets one of a key work at a time, in order", async () => {
    const { happened, begin } = stage();
    const [first, second] = [begin("a", "first"), begin("a", "second")];
    second.end();
    await Promise.resolve();
    expect(happened).toEqual(["first"]);
    first.end();
    expect(await first.done).toEqual({ name: "first" });
    expect(await second.done).toEqual({ name: "second" });
    expect(happened).toEqual(["first", "second"]);
  });

  test("does not make others wait", async () => {
    const { begin } = stage();
    begin("a", "first");
    const other = begin("b", "other");
    other.end();
    expect(await other.done).toEqual({ name: "other" });
  });

  test("goes on behind one that failed", async () => {
    const { begin } = stage();
    const [first, second] = [begin("a", "first"), begin("a", "second")];
    first.fail();
    second.end();
    expect(first.done).rejects.toThrow("first");
    expect(await second.done).toEqual({ name: "second" });
  });

  test("sends away whoever comes when too many wait, until there is room", async () => {
    const { begin } = stage(2);
    const [first, second] = [begin("a", "first"), begin("a", "second")];
    expect(await begin("a", "third").done).toBeUndefined();
    first.end();
    await first.done;
    const again = begin("a", "again");
    second.end();
    again.end();
    expect(await again.done).toEqual({ name: "again" });
  });
});
