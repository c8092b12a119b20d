// Loaded before the first test file (bunfig.toml): hooks that run for every file.

import { afterAll, afterEach } from "bun:test";
import { endAll, endTest } from "./endings.ts";
import { removeTempDirs } from "./temp.ts";

afterEach(endTest);
afterAll(async () => {
  await endAll();
  removeTempDirs();
});
