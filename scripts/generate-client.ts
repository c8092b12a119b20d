// Writes the TypeScript client: types and methods from the OpenAPI document of the operations, then
// what Node runs and other projects are typed by. `bun scripts/generate-client.ts`; a test holds
// what lies in sdk/typescript against it.

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { operations } from "../src/server/api/operations.ts";
import { openApiDocument } from "../src/server/openapi.ts";
import { renderClient } from "./client/methods.ts";
import { renderSchemas } from "./client/types.ts";

const root = resolve(import.meta.dir, "..");
export const clientFolder = join(root, "sdk/typescript");

/** Path below `clientFolder` → text, of every file that is generated. */
export function renderAll(): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "aegis-client-"));
  try {
    return renderIn(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param folder an empty one, for what the compiler reads and writes */
function renderIn(folder: string): ReadonlyMap<string, string> {
  const own = join(folder, "sdk/typescript");
  mkdirSync(own, { recursive: true });
  cpSync(join(clientFolder, "src"), join(own, "src"), { recursive: true });
  cpSync(join(clientFolder, "tsconfig.json"), join(own, "tsconfig.json"));
  for (const name of ["tsconfig.json", "biome.json"]) cpSync(join(root, name), join(folder, name));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const document = openApiDocument(operations, true);
  writeFileSync(join(own, "src/schemas.ts"), renderSchemas(document));
  writeFileSync(join(own, "src/client.ts"), renderClient(document));
  const bin = join(root, "node_modules/.bin");
  const format = (path: string) => run([`${bin}/biome`, "format", "--write", path], own);
  format("src");
  // Not `lib`, which is not formatted in the project, as it is made.
  run([`${bin}/tsc`, "-p", own, "--outDir", join(own, "made")], own);
  format("made");
  const made = readdirSync(join(own, "made")).sort();
  return new Map([
    ...["schemas.ts", "client.ts"].map((name) => entry(`src/${name}`, join(own, "src", name))),
    ...made.map((name) => entry(`lib/${name}`, join(own, "made", name))),
  ]);
}

function entry(path: string, file: string): [string, string] {
  return [path, readFileSync(file, "utf8")];
}

function run(argv: readonly string[], cwd: string): void {
  const child = Bun.spawnSync([...argv], { cwd });
  if (child.exitCode === 0) return;
  throw new Error(`Cannot run ${argv[0]}: ${child.stdout}${child.stderr}`);
}

if (import.meta.main) {
  mkdirSync(join(clientFolder, "lib"), { recursive: true });
  for (const [path, text] of renderAll()) writeFileSync(join(clientFolder, path), text);
}
