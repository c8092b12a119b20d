import { expect, test } from "bun:test";
import { createWaitingSessions } from "../../../src/server/waiting-sessions.ts";

test("sessions have their turns in the order in which they came, each once", () => {
  const waiting = createWaitingSessions(10);
  const [first, second] = [
    { tenant: "a", session: "s" },
    { tenant: "a", session: "t" },
  ];
  for (const one of [first, second, first, second]) waiting.add(one);
  expect(waiting.size()).toBe(2);
  expect([waiting.take(), waiting.take(), waiting.take()]).toEqual([first, second, undefined]);
  waiting.add(first);
  expect([waiting.size(), waiting.take(), waiting.size()]).toEqual([1, first, 0]);
});

test("sessions of one name are told apart by their tenants, and keep no other name waiting", () => {
  const waiting = createWaitingSessions(10);
  for (const tenant of ["a", "b", "c"]) waiting.add({ tenant, session: "main" });
  waiting.add({ tenant: "a", session: "other" });
  expect(waiting.take()).toEqual({ tenant: "a", session: "main" });
  waiting.add({ tenant: "a", session: "main" });
  expect(waiting.take()).toEqual({ tenant: "a", session: "other" });
  const rest = [waiting.take(), waiting.take(), waiting.take(), waiting.take()];
  expect(rest.map((one) => one?.tenant)).toEqual(["b", "c", "a", undefined]);
});

test("beyond the bound none is added, and those that wait are not forgotten", () => {
  const waiting = createWaitingSessions(2);
  for (const session of ["a", "b", "c", "a"]) waiting.add({ tenant: "t", session });
  expect(waiting.size()).toBe(2);
  expect([waiting.take()?.session, waiting.take()?.session]).toEqual(["a", "b"]);
  waiting.add({ tenant: "t", session: "c" });
  expect(waiting.take()?.session).toBe("c");
});
