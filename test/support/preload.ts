// Loaded before the first test file (bunfig.toml): hooks that run for every file.

import { afterAll, afterEach } from "bun:test";
import { endAll, endTest } from "./endings.ts";
import { removeTempDirs } from "./temp.ts";

afterEach(endTest);
/** Of a machine whose disk is busy with what others do: all files' leftovers go at once. */
const cleaningMs = 120_000;
afterAll(async () => {
  await endAll();
  removeTempDirs();
}, cleaningMs);
