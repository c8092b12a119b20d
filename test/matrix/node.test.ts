// node and npm under `workspace`.

import { expect } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Place, runBare } from "./place.ts";
import { type MatrixRow, testRows } from "./row.ts";

const keyDenied = { action: "FileRead", path: "~/.ssh/id_ed25519" };

const install = "npm install --offline --no-audit --no-fund";
const tarball = "./matrix-package-1.0.0.tgz";

const rows: readonly MatrixRow[] = [
  {
    name: "node uses files, starts a program and forks itself",
    needs: ["tool node"],
    fixture: "node",
    command: ["node", "processes.mjs"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/node" },
      { action: "ProcessSpawn", path: "/usr/bin/cat" },
      { action: "FileRead", path: "processes.mjs" },
      { action: "DirCreate", path: "made/deep" },
      { action: "FileWrite", path: "made/deep/first.txt" },
      { action: "FileRead", path: "made/second.txt" },
      { action: "FileDelete", path: "made/second.txt" },
    ],
    violation: {
      command: ["sh", "-c", 'exec node read.mjs child "$HOME/.ssh/id_ed25519"'],
      says: /^refused: EACCES$/m,
      denied: keyDenied,
    },
  },
  {
    name: "node reads and writes in a worker thread",
    needs: ["tool node"],
    fixture: "node",
    command: ["node", "threads.mjs"],
    touched: [
      { action: "FileRead", path: "threads.mjs" },
      { action: "FileWrite", path: "worker.txt" },
      { action: "FileRead", path: "worker.txt" },
    ],
    violation: {
      command: ["sh", "-c", 'exec node read.mjs thread "$HOME/.ssh/id_ed25519"'],
      says: /^refused: EACCES$/m,
      denied: keyDenied,
    },
  },
  {
    name: "npm installs a local tarball without a network",
    needs: ["tool npm"],
    prepare: packPackage,
    command: [
      "sh",
      "-c",
      `${install} --ignore-scripts ${tarball} >npm.txt && ./node_modules/.bin/matrix-package`,
    ],
    touched: [
      { action: "FileRead", path: "matrix-package-1.0.0.tgz" },
      { action: "FileWrite", path: "package-lock.json" },
      { action: "FileRead", path: "node_modules/matrix-package/index.js" },
    ],
    violation: {
      command: ["sh", "-c", `rm -rf node_modules package*.json && ${install} ${tarball}`],
      says: /^refused: EACCES$/m,
      saysIn: "postinstall.txt",
      denied: keyDenied,
    },
  },
];

/** Leaves `matrix-package-1.0.0.tgz` in the working folder. */
async function packPackage(place: Place): Promise<void> {
  const source = join(place.home, "package");
  cpSync(join(import.meta.dir, "../fixtures/matrix/npm-package"), source, { recursive: true });
  const packed = await runBare(place, ["npm", "pack", "--silent", source]);
  expect(packed).toMatchObject({ exitCode: 0 });
  rmSync(join(place.home, ".npm"), { recursive: true, force: true });
}

testRows(rows);
