// A manifest's text to a checked manifest, or everything that is wrong with it. Publishers write
// manifests, so nothing in one is trusted: it declares what an agent may do at most.

import { jsonProblem, parseJsonText } from "../../base/json-text.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import { type Position, positionsIn } from "../cedar/text.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { isFileHash, pathFlaw } from "./declared-path.ts";
import { locateValues } from "./locate.ts";
import type { ManifestJson } from "./schema.ts";

export const manifestVersion = "aegis.dev/manifest/v0.1";

/** A manifest with absent lists as empty ones. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly publisher: string;
  readonly tools: readonly string[];
  readonly readRoots: readonly string[];
  readonly writeRoots: readonly string[];
  readonly domains: readonly string[];
  /** Undefined: nothing is said; an empty list: nothing may be run. */
  readonly allowedBins: readonly string[] | undefined;
  /** Names of the secrets the agent asks for. */
  readonly secrets: readonly string[];
  readonly approvalRequired: readonly string[];
  /** The text as parsed, for readers that want the rest of it. */
  readonly json: ManifestJson;
  /** Where a value stands, by its path, e.g. `permissions.fs.read_roots.0`. */
  readonly position: (field: string) => Position;
}

/** Some editors begin a file with a byte order mark, which says nothing. */
export function withoutMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** Tools that reach outside by their very name, so that declaring one needs a sandbox. */
const effectfulTools = ["exec", "fs.write", "mcp.http", "mcp.https", "net"];

export async function parseManifest(source: PolicySource): Promise<Result<Manifest, Diagnostic[]>> {
  const text = withoutMark(source.text);
  try {
    // Stricter than what follows: a name given twice would be read in two ways.
    parseJsonText(text);
  } catch (error) {
    const why = jsonProblem(error);
    if (why === undefined) throw error;
    return err([problem(source, { line: 1, column: 1 }, `manifest: decode: ${why}`)]);
  }
  const decoded: unknown = JSON.parse(text);
  const position = fieldPositions(text);
  const { manifestSchema } = await import("./schema.ts");
  const parsed = manifestSchema.safeParse(decoded);
  if (!parsed.success)
    return err(
      parsed.error.issues.map((issue) => {
        const field = issue.path.join(".");
        const message = issue.code === "invalid_type" ? `must be ${issue.expected}` : issue.message;
        return problem(source, position(field), `manifest: ${field || "file"}: ${message}`);
      }),
    );
  const manifest = manifestOf(parsed.data, position);
  const problems = validate(source, manifest);
  return problems.length > 0 ? err(problems) : ok(manifest);
}

function fieldPositions(text: string): (field: string) => Position {
  const offsets = locateValues(text);
  const position = positionsIn(text);
  return (field) => position(offsets.get(field) ?? 0);
}

function manifestOf(json: ManifestJson, position: Manifest["position"]): Manifest {
  const { permissions } = json;
  return {
    name: json.name ?? "",
    version: json.version ?? "",
    publisher: json.publisher ?? "",
    tools: permissions?.tools ?? [],
    readRoots: permissions?.fs?.read_roots ?? [],
    writeRoots: permissions?.fs?.write_roots ?? [],
    domains: permissions?.net?.domains ?? [],
    allowedBins: permissions?.exec?.allowed_bins ?? undefined,
    secrets: permissions?.secrets ?? [],
    approvalRequired: permissions?.approval_required ?? [],
    json,
    position,
  };
}

/** In the order the format fixes; a reader that stops at the first one finds it first. */
function validate(source: PolicySource, manifest: Manifest): Diagnostic[] {
  const { json, position } = manifest;
  const problems: Diagnostic[] = [];
  const report = (field: string, message: string, hint = "", place = field): void => {
    problems.push(problem(source, position(place), `manifest: ${field}: ${message}`, hint));
  };
  if (json.schema !== manifestVersion)
    report("schema", `expected "${manifestVersion}", got "${json.schema ?? ""}"`);
  if (manifest.name === "") report("name", "required");
  if (manifest.version === "") report("version", "required");
  if (manifest.publisher === "") report("publisher", "required");
  if (isEffectful(manifest) && json.sandbox?.required !== true)
    report(
      "sandbox.required",
      "must be true when exec, fs.write, or net permissions are declared",
      'add "sandbox": {"required": true}',
    );
  for (const { field, message, hint, place } of valueFlaws(manifest))
    report(field, message, hint, place);
  return problems;
}

interface ValueFlaw {
  readonly field: string;
  /** Of the value, in the field or below it. */
  readonly place: string;
  readonly message: string;
  readonly hint: string;
}

function valueFlaws(manifest: Manifest): readonly ValueFlaw[] {
  return [...rootFlaws(manifest), ...budgetFlaws(manifest), ...integrityFlaws(manifest)];
}

function rootFlaws({ readRoots, writeRoots }: Manifest): readonly ValueFlaw[] {
  const roots = { read_roots: readRoots, write_roots: writeRoots };
  return Object.entries(roots).flatMap(([name, paths]) =>
    paths.flatMap((path, at) => {
      if (path !== "" && !path.includes("\0")) return [];
      const message = `${JSON.stringify(path)} is no path`;
      const hint = 'write "." for the workspace itself';
      const field = `permissions.fs.${name}`;
      return [{ field, place: `${field}.${at}`, message, hint }];
    }),
  );
}

function budgetFlaws({ json }: Manifest): readonly ValueFlaw[] {
  return Object.entries(json.permissions?.budgets ?? {}).flatMap(([name, value]) => {
    if (value === undefined || value >= 0) return [];
    const message = `must not be below 0, is ${value}`;
    const hint = "0 leaves nothing of it; leave the member out for the default";
    const field = `permissions.budgets.${name}`;
    return [{ field, place: field, message, hint }];
  });
}

function integrityFlaws({ json }: Manifest): readonly ValueFlaw[] {
  const { files = {}, tree_sha256: tree = "" } = json.integrity ?? {};
  const hashHint = "write the 64 lower-case digits that sha256sum prints";
  const flaws = Object.entries(files).flatMap(([path, hash]): ValueFlaw[] => {
    const field = "integrity.files";
    const place = `${field}.${path}`;
    const flaw = pathFlaw(path);
    if (flaw !== undefined) {
      const hint = "name files below the manifest's folder, without .. and ./, as in src/main.py";
      return [{ field, place, message: `the path ${JSON.stringify(path)} ${flaw}`, hint }];
    }
    if (isFileHash(hash)) return [];
    const message = `${JSON.stringify(path)}: ${JSON.stringify(hash)} is no SHA-256 in hex`;
    return [{ field, place, message, hint: hashHint }];
  });
  if (tree === "" || isFileHash(tree)) return flaws;
  const message = `${JSON.stringify(tree)} is no SHA-256 in hex`;
  const field = "integrity.tree_sha256";
  return [...flaws, { field, place: field, message, hint: hashHint }];
}

function isEffectful({ allowedBins = [], writeRoots, domains, tools }: Manifest): boolean {
  const declared = allowedBins.length + writeRoots.length + domains.length;
  return declared > 0 || tools.some((tool) => effectfulTools.includes(tool));
}

function problem(source: PolicySource, place: Position, message: string, hint = ""): Diagnostic {
  return {
    severity: "error",
    file: source.name,
    ...place,
    rule: "",
    message,
    hint,
  };
}
