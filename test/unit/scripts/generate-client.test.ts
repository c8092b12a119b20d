import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { clientFolder, filesBelow, renderAll } from "../../../scripts/generate-client.ts";
import { testMs } from "../../support/patience.ts";

test(
  "sdk/typescript is what scripts/generate-client.ts writes",
  () => {
    const wanted = renderAll();
    for (const [path, text] of wanted) {
      expect(readFileSync(`${clientFolder}/${path}`, "utf8")).toBe(text);
    }
    const there = ["lib", "src/schemas"].flatMap((folder) =>
      filesBelow(`${clientFolder}/${folder}`).map((name) => `${folder}/${name}`),
    );
    expect(there.filter((path) => !wanted.has(path))).toEqual([]);
  },
  testMs,
);
