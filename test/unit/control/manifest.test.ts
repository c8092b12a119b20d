import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { checkIntegrity, readManifest, requireManifest } from "../../../src/app/manifest/files.ts";
import { sha256Hex } from "../../../src/base/hash.ts";
import { absPath } from "../../../src/base/paths.ts";
import { treeHash } from "../../../src/control/manifest/integrity.ts";
import { resolvedManifest } from "../../../src/control/manifest/resolve.ts";
import { pathFlaw } from "../../../src/policy/manifest/declared-path.ts";
import { tempDir } from "../../support/temp.ts";

const base = {
  schema: "aegis.dev/manifest/v0.1",
  name: "skill",
  version: "1.0.0",
  publisher: "acme",
};

const hash = sha256Hex("content");

function written(content: unknown, folder = tempDir("manifest")) {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  writeFileSync(`${folder}/aegis-manifest.json`, text);
  const path = absPath(`${folder}/aegis-manifest.json`);
  if (path === undefined) throw new Error("no path");
  return path;
}

describe("a manifest is refused with the text of its first flaw", () => {
  const sandbox = "must be true when exec, fs.write, or net permissions are declared";
  const rows: readonly (readonly [string, unknown, string])[] = [
    ["no JSON", "{", "manifest: decode: "],
    ["a name given twice", '{"name":"a","name":"b"}', "manifest: decode: "],
    ["text behind it", "{} {}", "manifest: decode: "],
    [
      "another schema",
      { ...base, schema: "v9", name: "" },
      'manifest: schema: expected "aegis.dev/manifest/v0.1", got "v9"',
    ],
    ["no name", { ...base, name: "", version: "" }, "manifest: name: required"],
    ["no version", { ...base, version: "", publisher: "" }, "manifest: version: required"],
    ["no publisher", { ...base, publisher: "" }, "manifest: publisher: required"],
    [
      "programs without a sandbox",
      { ...base, permissions: { exec: { allowed_bins: ["git"] } } },
      `manifest: sandbox.required: ${sandbox}`,
    ],
    [
      "writing without a sandbox",
      { ...base, permissions: { fs: { write_roots: ["/w"] } } },
      `manifest: sandbox.required: ${sandbox}`,
    ],
    [
      "domains without a sandbox",
      { ...base, permissions: { net: { domains: ["example.org"] } } },
      `manifest: sandbox.required: ${sandbox}`,
    ],
    ...[
      "max_steps",
      "max_tool_calls",
      "max_model_calls",
      "max_wall_time_ms",
      "max_output_bytes",
      "timeout_ms",
    ].map(
      (name) =>
        [
          `${name} below nothing`,
          { ...base, permissions: { budgets: { [name]: -1 } } },
          `manifest: permissions.budgets.${name}: must not be below 0, is -1`,
        ] as const,
    ),
    [
      "half a step",
      { ...base, permissions: { budgets: { max_steps: 1.5 } } },
      "manifest: permissions.budgets.max_steps: must be int",
    ],
    [
      "a root without a name",
      { ...base, permissions: { fs: { read_roots: ["a", ""] } } },
      'manifest: permissions.fs.read_roots: "" is no path',
    ],
    ...[
      ["../outside", "leaves the folder"],
      ["a/../../b", "leaves the folder"],
      ["/etc/hostname", "is absolute"],
      ["./a", "is not in its shortest spelling"],
    ].map(
      ([path = "", flaw]) =>
        [
          `a file whose path ${flaw}`,
          { ...base, integrity: { files: { [path]: hash } } },
          `manifest: integrity.files: the path "${path}" ${flaw}`,
        ] as const,
    ),
    [
      "a hash in capitals",
      { ...base, integrity: { files: { a: hash.toUpperCase() } } },
      `manifest: integrity.files: "a": "${hash.toUpperCase()}" is no SHA-256 in hex`,
    ],
    [
      "a tree's hash that is too short",
      { ...base, integrity: { tree_sha256: "00" } },
      'manifest: integrity.tree_sha256: "00" is no SHA-256 in hex',
    ],
    ...["exec", "fs.write", "mcp.http", "mcp.https", "net"].map(
      (tool) =>
        [
          `the tool ${tool} without a sandbox`,
          { ...base, permissions: { tools: [tool] }, sandbox: { required: false } },
          `manifest: sandbox.required: ${sandbox}`,
        ] as const,
    ),
  ];
  test.each(rows)("%s", async (_, content, message) => {
    const read = await readManifest(written(content));
    expect(read).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });

  test.each(["write_file", "net.post", "exec.shell", "db.write"])(
    "%s needs no sandbox by its name",
    async (tool) => {
      const read = await readManifest(written({ ...base, permissions: { tools: [tool] } }));
      expect(read.ok).toBe(true);
    },
  );

  test("what is at its bounds is accepted", async () => {
    const permissions = {
      budgets: { max_steps: 0, timeout_ms: 0 },
      fs: { read_roots: [".", "../beside"] },
    };
    const integrity = { files: { "a/b": hash, "..a": hash }, tree_sha256: "" };
    const read = await readManifest(written({ ...base, permissions, integrity }));
    expect(read.ok).toBe(true);
  });

  test("a flaw says where it is, and what would mend it", async () => {
    const text = JSON.stringify(
      { ...base, integrity: { files: { "src/a": hash, "../x": hash } } },
      null,
      2,
    );
    const line = text.split("\n").findIndex((one) => one.includes("../x")) + 1;
    expect(await readManifest(written(text))).toMatchObject({
      ok: false,
      hint: "name files below the manifest's folder, without .. and ./, as in src/main.py",
      at: { line, column: 15 },
    });
  });

  test("with a sandbox all of it is accepted", async () => {
    const permissions = { tools: ["net"], exec: { allowed_bins: ["git"] } };
    const read = await readManifest(written({ ...base, permissions, sandbox: { required: true } }));
    expect(read.ok).toBe(true);
  });
});

test("what is left out is shown with its default, what is written as written", async () => {
  const budgets = { max_steps: 3, max_model_calls: 7 };
  const manifest = await requireManifest(written({ ...base, permissions: { budgets } }));
  expect(resolvedManifest(manifest)).toMatchObject({
    permissions: {
      tools: [],
      net: { domains: [] },
      budgets: {
        max_steps: 3,
        max_tool_calls: 12,
        max_wall_time_ms: 120_000,
        max_output_bytes: 1_048_576,
        timeout_ms: 30_000,
        max_model_calls: 7,
      },
    },
    sandbox: { required: false },
    integrity: { files: {} },
  });
});

describe("paths of declared files", () => {
  test.each(["a", "a/b.txt", "..a/b", "a/.hidden", "ä/ö"])("%s is one", (path) => {
    expect(pathFlaw(path)).toBeUndefined();
  });
  test.each(["../a", "a/../b", "a/..", "/etc/passwd", "a//b", "./a", "", "a/", "a\nb", "a\0b"])(
    "%p is none",
    (path) => {
      expect(pathFlaw(path)).toBeString();
    },
  );
});

test("the tree is hashed in the order of the paths' bytes", () => {
  const lines = "a.txt:1\na/b:2\n\uffee:4\n\u{1f600}:3\n";
  const files = [
    ["\u{1f600}", "3"],
    ["a/b", "2"],
    ["\uffee", "4"],
    ["a.txt", "1"],
  ] as const;
  expect(treeHash(new Map(files))).toBe(sha256Hex(lines));
});

describe("integrity of files on disk", () => {
  const one = sha256Hex("one");
  const two = sha256Hex("two");
  const tree = sha256Hex(`a:${one}\nsub/b:${two}\n`);

  async function problems(integrity: object, change?: (folder: string) => void) {
    const folder = tempDir("integrity");
    mkdirSync(`${folder}/skill/sub`, { recursive: true });
    writeFileSync(`${folder}/skill/a`, "one");
    writeFileSync(`${folder}/skill/sub/b`, "two");
    writeFileSync(`${folder}/outside`, "one");
    const path = written({ ...base, integrity }, `${folder}/skill`);
    change?.(`${folder}/skill`);
    const manifest = await requireManifest(path);
    const directory = absPath(`${folder}/skill`);
    if (directory === undefined) throw new Error("no path");
    return checkIntegrity(manifest, directory, path);
  }

  test("all as declared", async () => {
    const files = { a: one, "sub/b": two };
    expect(await problems({ files, tree_sha256: tree })).toEqual({ count: 2, problems: [] });
    expect(await problems({ tree_sha256: tree })).toEqual({ count: 2, problems: [] });
    expect(await problems({ files: { a: one } })).toEqual({ count: 1, problems: [] });
    expect(await problems({})).toEqual({ count: 0, problems: [] });
  });

  const link = (folder: string) => {
    Bun.spawnSync(["rm", `${folder}/a`]);
    symlinkSync("../outside", `${folder}/a`);
  };
  const linkedFolder = (folder: string) => {
    Bun.spawnSync(["mv", `${folder}/sub`, `${folder}/../elsewhere`]);
    symlinkSync("../elsewhere", `${folder}/sub`);
  };
  const extra = (folder: string) => writeFileSync(`${folder}/.extra`, "");
  const fifo = (folder: string) => Bun.spawnSync(["mkfifo", `${folder}/pipe`]);
  const both = { a: one, "sub/b": two };
  const rows: readonly (readonly [
    string,
    object,
    ((folder: string) => void) | undefined,
    string,
  ])[] = [
    [
      "another content",
      { files: { a: two } },
      undefined,
      `a: hash mismatch (want ${two} got ${one})`,
    ],
    ["a missing file", { files: { c: one } }, undefined, "c: missing"],
    ["a path through a file", { files: { "a/c": one } }, undefined, "a/c: missing"],
    ["a folder", { files: { sub: one } }, undefined, "sub: is no file"],
    ["a link to an equal file", { files: { a: one } }, link, "a: is a link"],
    ["a link on the way", { files: { "sub/b": two } }, linkedFolder, "sub/b: a link is on the way"],
    ["a link in the tree", { tree_sha256: tree }, link, "a: is a link"],
    ["a pipe in the tree", { tree_sha256: tree }, fifo, "pipe: is no file"],
    [
      "an extra file in the tree",
      { files: both, tree_sha256: tree },
      extra,
      ".extra: not declared",
    ],
  ];
  test.each(rows)("%s", async (_, integrity, change, problem) => {
    expect((await problems(integrity, change)).problems).toContain(problem);
  });

  test("a tree with an extra file has another hash", async () => {
    const { problems: found } = await problems({ tree_sha256: tree }, extra);
    expect(found).toEqual([expect.stringContaining(`tree_sha256: hash mismatch (want ${tree}`)]);
  });
});
