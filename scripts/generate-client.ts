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
import { dirname, join, relative, resolve } from "node:path";
import { operations } from "../src/server/api/operations.ts";
import { openApiDocument } from "../src/server/openapi.ts";
import { renderClient, renderRequests } from "./client/methods.ts";
import { renderSchemas } from "./client/types.ts";

const root = resolve(import.meta.dir, "..");
export const clientFolder = join(root, "sdk/typescript");
/** By hand, in `src`. */
const written = ["session.ts", "transport.ts"];

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
  for (const name of written) cpSync(join(clientFolder, "src", name), join(own, "src", name));
  cpSync(join(clientFolder, "tsconfig.json"), join(own, "tsconfig.json"));
  for (const name of ["tsconfig.json", "biome.json"]) cpSync(join(root, name), join(folder, name));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const document = openApiDocument(operations, true);
  const generated = new Map([
    ["client.ts", renderClient(document)],
    ["requests.ts", renderRequests(document)],
    ...[...renderSchemas(document)].map(
      ([subject, text]) => [`schemas/${subject}.ts`, text] as const,
    ),
  ]);
  mkdirSync(join(own, "src/schemas"), { recursive: true });
  for (const [name, text] of generated) writeFileSync(join(own, "src", name), text);
  const bin = join(root, "node_modules/.bin");
  const format = (path: string) => run([`${bin}/biome`, "format", "--write", path], own);
  format("src");
  // Not `lib`, which is not formatted in the project, as it is made.
  run([`${bin}/tsc`, "-p", own, "--outDir", join(own, "made")], own);
  format("made");
  return new Map([
    ...[...generated.keys()].map((name) => entry(`src/${name}`, join(own, "src", name))),
    ...filesBelow(join(own, "made")).map((name) => entry(`lib/${name}`, join(own, "made", name))),
  ]);
}

/** Paths below a folder, sorted. */
export function filesBelow(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((one) => one.isFile());
  return files.map((one) => relative(folder, join(one.parentPath, one.name))).sort();
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
  const files = renderAll();
  for (const folder of ["lib", "src/schemas"])
    rmSync(join(clientFolder, folder), { recursive: true, force: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(join(clientFolder, path)), { recursive: true });
    writeFileSync(join(clientFolder, path), text);
  }
}
