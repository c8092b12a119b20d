import { expect, test } from "bun:test";
import { createRateLimiter } from "../../../../src/app/serve/rate-limit.ts";
import { megabytesKept } from "../../../support/kept-memory.ts";

const clock = { ms: 1_000_000 };
const calls = (tool: string, count = 1, tenant = "t") =>
  Array.from({ length: count }, () => ({ tenant, tool }));

test("each tenant and tool has its own window, and a new one after a minute", () => {
  const limiter = createRateLimiter(2, () => clock.ms);
  expect([1, 2, 3].map(() => limiter.take(calls("a")))).toEqual([0, 0, 60]);
  expect(limiter.take(calls("b"))).toBe(0);
  expect(limiter.take(calls("a", 1, "other"))).toBe(0);
  clock.ms += 59_500;
  expect(limiter.take(calls("a"))).toBe(1);
  clock.ms += 500;
  expect(limiter.take(calls("a"))).toBe(0);
});

test("many at once are counted together, all or none", () => {
  const limiter = createRateLimiter(2, () => clock.ms);
  expect(limiter.take([...calls("a", 2), ...calls("b", 3)])).toBe(60);
  expect(limiter.take(calls("a", 2))).toBe(0);
  expect(limiter.take(calls("a"))).toBe(60);
});

test("what is given back may be taken again, and no more than the limit", () => {
  const limiter = createRateLimiter(2, () => clock.ms);
  expect(limiter.take(calls("back", 2))).toBe(0);
  limiter.giveBack(calls("back"));
  expect([1, 2].map(() => limiter.take(calls("back")))).toEqual([0, 60]);
  limiter.giveBack([...calls("back", 9), ...calls("never taken")]);
  expect([1, 2, 3].map(() => limiter.take(calls("back")))).toEqual([0, 0, 60]);
  expect([1, 2, 3].map(() => limiter.take(calls("never taken")))).toEqual([0, 0, 60]);
});

test("without a limit nothing is counted, and none is refused", () => {
  const limiter = createRateLimiter(0, () => clock.ms);
  expect(limiter.take(calls("a", 1000))).toBe(0);
});

test("more names than a tenant may have are refused until some are a minute old", () => {
  const limiter = createRateLimiter(1, () => clock.ms);
  for (let at = 0; at < 10_000; at++) limiter.take(calls(`tool-${at}`));
  expect(limiter.take(calls("one more"))).toBe(60);
  expect(limiter.take(calls("one more", 1, "other"))).toBe(0);
  expect(limiter.take(calls("tool-0"))).toBe(60);
  clock.ms += 60_000;
  expect(limiter.take(calls("one more"))).toBe(0);
});

test("more names than can be kept of all tenants are refused until some are a minute old", () => {
  const limiter = createRateLimiter(1, () => clock.ms);
  for (let at = 0; at < 100_000; at++) limiter.take(calls(`tool-${at}`, 1, `tenant ${at % 11}`));
  expect(limiter.take(calls("one more", 1, "last"))).toBe(60);
  clock.ms += 60_000;
  expect(limiter.take(calls("one more", 1, "last"))).toBe(0);
});

test("names may be long: of each only its hash is kept", async () => {
  const limiter = createRateLimiter(5, () => clock.ms);
  const kept = await megabytesKept(() => {
    for (let at = 0; at < 100; at++) limiter.take(calls(`${at}`.padEnd(200_000, "x")));
    return limiter;
  });
  expect(kept).toBeLessThan(2);
});
