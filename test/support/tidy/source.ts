// What tidy looks at: every text file of the project, and the syntax tree of every TypeScript file,
// parsed by the compiler the project type-checks with.

import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isStringLiteral,
  type Node,
  type SourceFile,
  SyntaxKind,
} from "typescript/unstable/ast";
import { API } from "typescript/unstable/async";

export interface TextFile {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

export interface CodeFile extends TextFile {
  readonly tree: SourceFile;
  readonly imports: readonly Import[];
}

export interface Import {
  readonly specifier: string;
  /** The imported file relative to the project; undefined for packages and built-in modules. */
  readonly file: string | undefined;
  readonly line: number;
}

const textFiles = new Bun.Glob("**/*.{ts,c,h,py,sh,md,json,toml,cedar,rb,yml}");
const skipped = /(^|\/)(node_modules|dist|build|\.git)\//;

/** Every file written by hand, sorted by path. */
export function textSources(root: string): TextFile[] {
  const named = [".ci/run", "native/Makefile", ".npmrc", ".gitignore"];
  const found = [...textFiles.scanSync({ cwd: root, dot: true })].filter(
    (path) => !skipped.test(path) && path !== "package-lock.json",
  );
  const present = named.filter((path) => Bun.file(join(root, path)).size > 0);
  return [...found, ...present]
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** Every TypeScript file of the project's own tsconfig.json. */
export async function codeSources(root: string): Promise<CodeFile[]> {
  const api = new API({ cwd: root });
  try {
    const snapshot = await api.updateSnapshot({ openProject: join(root, "tsconfig.json") });
    const project = snapshot.getProjects()[0];
    if (project === undefined) throw new Error(`Cannot read the project in "${root}"`);
    const files: CodeFile[] = [];
    for (const file of project.rootFiles) {
      const tree = await project.program.getSourceFile(file);
      if (tree === undefined) continue;
      const path = file.slice(root.length + 1);
      files.push({ path, text: tree.text, tree, imports: importsOf(path, tree) });
    }
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  } finally {
    await api.close();
  }
}

/** Every node of a tree, outermost first. */
export function* nodesOf(node: Node): Generator<Node> {
  const children: Node[] = [];
  node.forEachChild((child) => {
    children.push(child);
  });
  for (const child of children) {
    yield child;
    yield* nodesOf(child);
  }
}

/** Line of a position, counted from one. */
export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

function importsOf(path: string, tree: SourceFile): Import[] {
  const found: Import[] = [];
  for (const node of nodesOf(tree)) {
    const specifier = importedText(node);
    if (specifier === undefined) continue;
    const line = lineAt(tree.text, node.getStart(tree));
    const isOwn = specifier.startsWith(".");
    const file = isOwn ? normalize(join(dirname(path), specifier)) : undefined;
    found.push({ specifier, file, line });
  }
  return found;
}

function importedText(node: Node): string | undefined {
  if (isImportDeclaration(node) || isExportDeclaration(node)) return textOf(node.moduleSpecifier);
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument))
    return textOf(node.argument.literal);
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword)
    return textOf(node.arguments[0]);
  return undefined;
}

function textOf(node: Node | undefined): string | undefined {
  return node !== undefined && isStringLiteral(node) ? node.text : undefined;
}
