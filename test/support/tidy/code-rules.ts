// Rules about TypeScript code. Each takes files and gives one line for every breach: `path:line:
// what is wrong`. Which files may do what is written in the tables here and nowhere else.

import {
  isArrowFunction,
  isBlock,
  isCallExpression,
  isCatchClause,
  isConstructorDeclaration,
  isExportAssignment,
  isExportDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isMethodDeclaration,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isRegularExpressionLiteral,
  isSetAccessorDeclaration,
  isStringLiteral,
  isTaggedTemplateExpression,
  isTemplateExpression,
  isVariableStatement,
  type Node,
} from "typescript/unstable/ast";
import { type CodeFile, lineAt, nodesOf } from "./source.ts";

/**
 * A file imports from its own folder or from one of lower rank; equal ranks never import each
 * other.
 */
export const ranks: Readonly<Record<string, number>> = {
  base: 0,
  model: 1,
  policy: 2,
  wire: 2,
  bridge: 2,
  ledger: 3,
  enforce: 3,
  observe: 3,
  config: 3,
  gateway: 3,
  control: 3,
  supervise: 4,
  app: 5,
  server: 6,
  mcp: 6,
  cli: 7,
  "main.ts": 8,
};

/** What only the listed files and folders of src/ may name, and why. */
export const reserved: readonly {
  readonly name: string;
  readonly pattern: RegExp;
  readonly allowed: readonly string[];
}[] = [
  {
    name: "the environment",
    pattern: /^(process\.env|Bun\.env|import\.meta\.env)$/,
    allowed: ["src/config/", "src/cli/"],
  },
  {
    name: "argv",
    pattern: /^(process\.argv0?|Bun\.argv|process\.execArgv)$/,
    allowed: ["src/main.ts", "src/config/", "src/cli/"],
  },
  {
    name: "the clock",
    pattern: /^(Date\.now|performance\.now|Bun\.nanoseconds|process\.hrtime|new Date\(\))$/,
    allowed: ["src/base/clock.ts"],
  },
  {
    name: "randomness",
    pattern: /^(Math\.random|crypto\.(randomUUID|getRandomValues)|Bun\.randomUUIDv[57])$/,
    allowed: ["src/base/ids.ts"],
  },
  {
    name: "the platform",
    pattern: /^(process\.platform|os\.platform)$/,
    allowed: ["src/enforce/select.ts", "src/bridge/helper.ts"],
  },
  {
    name: "the terminal",
    pattern: /^(console\.\w+|process\.std(out|err)\.write)$/,
    allowed: ["src/cli/output.ts"],
  },
];

/** Places that decide what others believe: no file, network, process, clock or environment. */
export const pureFiles = /^src\/(base\/(?!clock|ids)|model\/|policy\/|wire\/|.*\/plan\.ts$)/;

/** The part of Bun that only computes. */
const computing = new Set(["CryptoHasher", "SHA256", "SHA512_256", "TOML", "YAML", "deepEquals"]);
const outsideModules = /^(bun(:.*)?|node:(?!path$|util$).*)$/;

export function layerBreaches(files: readonly CodeFile[]): string[] {
  return sourceFiles(files).flatMap(({ path, imports }) =>
    imports.flatMap(({ file, line }) => {
      const from = folderOf(path);
      if (file === undefined || !file.startsWith("src/")) return [];
      const to = folderOf(file);
      if (from === to || rankOf(to) < rankOf(from)) return [];
      return [`${path}:${line}: src/${from} must not import from src/${to}`];
    }),
  );
}

export function impurities(files: readonly CodeFile[]): string[] {
  return files
    .filter(({ path }) => pureFiles.test(path))
    .flatMap((file) => [
      ...file.imports
        .filter(({ specifier }) => outsideModules.test(specifier))
        .map(({ specifier, line }) => `${file.path}:${line}: pure code imports ${specifier}`),
      ...uses(file, (name) => {
        const [root, member] = name.split(".");
        if (root === "process" || name === "fetch") return true;
        return root === "Bun" && member !== undefined && !computing.has(member);
      }).map(({ name, line }) => `${file.path}:${line}: pure code uses ${name}`),
    ]);
}

export function reservedUses(files: readonly CodeFile[]): string[] {
  return sourceFiles(files).flatMap((file) =>
    reserved
      .filter(({ allowed }) => !allowed.some((place) => file.path.startsWith(place)))
      .flatMap(({ name, pattern }) =>
        uses(file, (text) => pattern.test(text)).map(
          (use) => `${file.path}:${use.line}: ${use.name}: only some places may read ${name}`,
        ),
      ),
  );
}

/** Programs are started with an argument vector, never through a shell. */
export function shellUses(files: readonly CodeFile[]): string[] {
  return files
    .filter(({ path }) => !path.startsWith("test/"))
    .flatMap((file) => {
      const breaches = file.imports
        .filter(({ specifier }) => /^(node:)?child_process$/.test(specifier))
        .map(({ line }) => `${file.path}:${line}: child_process: use Bun.spawn`);
      for (const node of nodesOf(file.tree)) {
        const isShellTag = isTaggedTemplateExpression(node) && sourceOf(file, node.tag) === "Bun.$";
        const isShellFlag = isPropertyAssignment(node) && sourceOf(file, node) === "shell: true";
        if (isShellTag || isShellFlag) breaches.push(`${place(file, node)}: runs a shell`);
      }
      return breaches;
    });
}

/** One way to import each thing: named, from the file that has it, by its full name. */
export function exportBreaches(files: readonly CodeFile[]): string[] {
  const modules = files.filter(({ path }) => !path.startsWith("test/fixtures/"));
  return modules.flatMap((file) => {
    const breaches = file.imports
      .filter(({ file: own, specifier }) => isOwnSource(own) && !/\.\w+$/.test(specifier))
      .map(({ specifier, line }) => `${file.path}:${line}: "${specifier}" has no extension`);
    for (const node of file.tree.statements) {
      const text = sourceOf(file, node);
      if (isExportAssignment(node) || /^export default\b/.test(text))
        breaches.push(`${place(file, node)}: default export`);
      if (isExportDeclaration(node)) breaches.push(`${place(file, node)}: re-export`);
      if (isVariableStatement(node) && /^(export )?let\b/.test(text))
        breaches.push(`${place(file, node)}: state at module level`);
    }
    return breaches;
  });
}

/** What is built, like the native helper, has the name its builder gave it. */
function isOwnSource(file: string | undefined): boolean {
  return file !== undefined && !file.startsWith("build/");
}

export function silentCatches(files: readonly CodeFile[]): string[] {
  return files.flatMap((file) =>
    [...nodesOf(file.tree)]
      .filter((node) => isSilentCatch(file, node))
      .map((node) => `${place(file, node)}: a catch without a word; say "// ignored: why"`),
  );
}

function isSilentCatch(file: CodeFile, node: Node): boolean {
  if (isCatchClause(node))
    return node.block.statements.length === 0 && !sourceOf(file, node).includes("// ignored");
  if (!isCallExpression(node) || !isPropertyAccessExpression(node.expression)) return false;
  const [handler] = node.arguments;
  if (node.expression.name.text !== "catch" || handler === undefined) return false;
  const isEmpty = isArrowFunction(handler) && isBlock(handler.body);
  return isEmpty && /^\{\s*\}$/.test(sourceOf(file, handler.body));
}

export const functionLinesMax = 60;

/** Test files are lists of cases inside callbacks, so only their files are bounded. */
export function longFunctions(files: readonly CodeFile[]): string[] {
  return files
    .filter(({ path }) => !path.endsWith(".test.ts"))
    .flatMap((file) =>
      [...nodesOf(file.tree)].filter(isFunction).flatMap((node) => {
        const lines = sourceOf(file, node).split("\n").length;
        if (lines <= functionLinesMax) return [];
        return [`${place(file, node)}: a function of ${lines} lines`];
      }),
    );
}

/**
 * `path:line` of every line that holds a text or pattern, which cannot be broken to fit a column.
 */
export function literalLines(files: readonly CodeFile[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const file of files)
    for (const node of nodesOf(file.tree)) {
      if (!isLiteral(node)) continue;
      const first = lineAt(file.text, node.getStart(file.tree));
      const last = lineAt(file.text, node.end);
      for (let line = first; line <= last; line++) found.add(`${file.path}:${line}`);
    }
  return found;
}

/** Files that nothing reaches from the places a person or the test runner starts. */
export function deadFiles(files: readonly CodeFile[], isRoot: (path: string) => boolean): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { file } of byPath.get(path)?.imports ?? []) if (file !== undefined) visit(file);
  };
  for (const { path } of files) if (isRoot(path)) visit(path);
  return files.filter(({ path }) => !reached.has(path)).map(({ path }) => `${path}: unused`);
}

function sourceFiles(files: readonly CodeFile[]): CodeFile[] {
  return files.filter(({ path }) => path.startsWith("src/"));
}

function folderOf(path: string): string {
  return path.split("/")[1] ?? path;
}

function rankOf(folder: string): number {
  const rank = ranks[folder];
  if (rank === undefined) throw new Error(`src/${folder} has no rank: add it to the table`);
  return rank;
}

/** Names like `process.env` or `new Date()` as they are used in code, with the line. */
function uses(
  file: CodeFile,
  isWanted: (name: string) => boolean,
): { name: string; line: number }[] {
  const found: { name: string; line: number }[] = [];
  for (const node of nodesOf(file.tree)) {
    const isName = isPropertyAccessExpression(node) || isNewExpression(node);
    const isBare = isCallExpression(node) && sourceOf(file, node.expression) === "fetch";
    if (!isName && !isBare) continue;
    const name = isBare ? "fetch" : sourceOf(file, node);
    if (isWanted(name)) found.push({ name, line: lineAt(file.text, node.getStart(file.tree)) });
  }
  return found;
}

function isFunction(node: Node): boolean {
  return [
    isArrowFunction,
    isConstructorDeclaration,
    isFunctionDeclaration,
    isFunctionExpression,
    isGetAccessorDeclaration,
    isMethodDeclaration,
    isSetAccessorDeclaration,
  ].some((is) => is(node));
}

function isLiteral(node: Node): boolean {
  return [
    isNoSubstitutionTemplateLiteral,
    isRegularExpressionLiteral,
    isStringLiteral,
    isTemplateExpression,
  ].some((is) => is(node));
}

function sourceOf(file: CodeFile, node: Node): string {
  return file.text.slice(node.getStart(file.tree), node.end);
}

function place(file: CodeFile, node: Node): string {
  return `${file.path}:${lineAt(file.text, node.getStart(file.tree))}`;
}
