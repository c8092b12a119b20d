import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { pause } from "../../../src/app/pause.ts";

const day = 24 * 3600 * 1000;

test("a pause ends with its time, and its signal knows nothing of it", async () => {
  const { signal } = new AbortController();
  const pauses = Array.from({ length: 50 }, () => pause(1, signal));
  expect(getEventListeners(signal, "abort").length).toBe(50);
  await Promise.all(pauses);
  expect(getEventListeners(signal, "abort").length).toBe(0);
});

test("or as soon as its signal is aborted, also before it began", async () => {
  const stopped = new AbortController();
  const paused = pause(day, stopped.signal);
  stopped.abort();
  await paused;
  await pause(day, stopped.signal);
});
