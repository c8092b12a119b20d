// Loaded before the first test file (bunfig.toml): the only hook of bun:test that runs once, after
// all files.

import { afterAll } from "bun:test";
import { removeTempDirs } from "./temp.ts";

afterAll(removeTempDirs);
