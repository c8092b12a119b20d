// A kept plan is used only while everything it was made from still looks the same.

import { beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import type { PathFact, PreparedBox } from "../../../src/enforce/backend.ts";
import type { Capabilities } from "../../../src/model/capability.ts";
import { planKey, readCachedPlan, writeCachedPlan } from "../../../src/supervise/plan-cache.ts";
import { testWith } from "../../support/features.ts";
import { permit, port } from "../../support/ir.ts";
import { tempDir } from "../../support/temp.ts";

const coverage = [{ protection: "network", level: "enforced", by: "netns", why: "" }] as const;

const root = tempDir("cache");
const cache = `${root}/cache`;
const key = planKey(["one"]);

beforeEach(() => {
  for (const name of readdirSync(root)) rmSync(`${root}/${name}`, { recursive: true });
  mkdirSync(`${root}/real/sub`, { recursive: true });
  writeFileSync(`${root}/real/file`, "");
  symlinkSync("real", `${root}/link`);
});

/** Long ago as far as the folders' times go, or right after their last change. */
const moments = [
  ["long after the last change", Date.now() + 60_000],
  ["right after the last change", 0],
] as const;

const network: Capabilities = { version: 1, capabilities: [permit("NetConnect", port(80))] };

/** The folders' own times are old, so that every change shows in them. */
function keep(made: PreparedBox, nowUnixMs = 0): void {
  for (const folder of [`${root}/real`, root]) utimesSync(folder, 1000, 1000);
  writeCachedPlan(cache, key, made, nowUnixMs);
}

function box(facts: readonly PathFact[]): PreparedBox {
  const bytes = new Uint8Array([1, 2, 3, 255]);
  return { coverage, facts, bytes, temporary: "/tmp", network };
}

function facts(): PathFact[] {
  return [
    { path: `${root}/link/file`, kind: "file", realPath: `${root}/real/file` },
    { path: `${root}/real/sub`, kind: "directory", realPath: `${root}/real/sub` },
    { path: `${root}/real/later`, kind: "absent", realPath: "" },
  ];
}

describe("a kept plan", () => {
  test("that cannot be read is a miss", () => {
    mkdirSync(`${cache}/${key}`, { recursive: true });
    expect(readCachedPlan(cache, key)).toBeUndefined();
  });
  testWith(["plain user"], "that was made unreadable is made anew", () => {
    keep(box(facts()));
    chmodSync(`${cache}/${key}`, 0o000);
    expect(readCachedPlan(cache, key)).toBeUndefined();
    keep(box(facts()));
    expect(readCachedPlan(cache, key)?.coverage).toEqual(coverage);
  });

  test("that cannot be put in its place leaves nothing half-written", () => {
    mkdirSync(`${cache}/${key}`, { recursive: true });
    expect(() => keep(box(facts()))).toThrow(`${cache}/.${key}.${process.pid}`);
    expect(readdirSync(cache)).toEqual([key]);
  });

  test("comes back byte for byte while nothing has changed", () => {
    keep(box(facts()));
    const found = readCachedPlan(cache, key);
    expect(found?.bytes).toEqual(Buffer.from([1, 2, 3, 255]));
    expect(found?.coverage).toEqual(coverage);
    expect(found?.temporary).toBe("/tmp");
    expect(found).not.toHaveProperty("lacking");
  });

  test("remembers what the machine lacked", () => {
    keep({ ...box(facts()), lacking: "no mounts" });
    expect(readCachedPlan(cache, key)?.lacking).toBe("no mounts");
  });

  test("is readable by its owner alone", () => {
    keep(box(facts()));
    expect(statSync(cache).mode & 0o777).toBe(0o700);
    expect(statSync(`${cache}/${key}`).mode & 0o777).toBe(0o600);
  });

  const changes: readonly (readonly [string, () => void])[] = [
    ["a name that was absent appears", () => writeFileSync(`${root}/real/later`, "")],
    ["a file is gone", () => rmSync(`${root}/real/file`)],
    [
      "a directory became a file",
      () => replaceBy(`${root}/real/sub`, () => writeFileSync(`${root}/real/sub`, "")),
    ],
    [
      "a link on the way leads elsewhere",
      () => replaceBy(`${root}/link`, () => symlinkSync("real/sub", `${root}/link`)),
    ],
    [
      "a directory on the way became a link",
      () => replaceBy(`${root}/real/sub`, () => symlinkSync("/", `${root}/real/sub`)),
    ],
  ];
  describe.each(moments)("made %s", (_, nowUnixMs) => {
    test("is used", () => {
      keep(box(facts()), nowUnixMs);
      expect(readCachedPlan(cache, key)).toBeDefined();
    });

    test.each(changes)("is not used when %s", (_, change) => {
      keep(box(facts()), nowUnixMs);
      change();
      expect(readCachedPlan(cache, key)).toBeUndefined();
    });

    test("is used when something else in the folder changed", () => {
      keep(box(facts()), nowUnixMs);
      writeFileSync(`${root}/real/other`, "");
      expect(readCachedPlan(cache, key)).toBeDefined();
    });
  });

  test("is not kept when the disk changed while it was made", () => {
    rmSync(`${root}/real/file`);
    keep(box(facts()));
    expect(readCachedPlan(cache, key)).toBeUndefined();
  });

  test("is not used under another key", () => {
    keep(box(facts()));
    const other = planKey(["two"]);
    writeFileSync(`${cache}/${other}`, readFileSync(`${cache}/${key}`));
    expect(readCachedPlan(cache, other)).toBeUndefined();
  });

  test("is not used with any one bit turned", () => {
    keep(box(facts()));
    const bytes = readFileSync(`${cache}/${key}`);
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      const turned = Buffer.from(bytes);
      turned.writeUInt8(turned.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      writeFileSync(`${cache}/${key}`, turned);
      expect(readCachedPlan(cache, key)).toBeUndefined();
    }
  });

  test("makes room by age", () => {
    for (let at = 0; at < 70; at++) writeCachedPlan(cache, planKey([`${at}`]), box([]), 0);
    expect(readdirSync(cache).length).toBe(64);
    expect(readCachedPlan(cache, planKey(["69"]))).toBeDefined();
  });
});

describe("a plan that depends on whether files have other names", () => {
  const surveyed = (): PathFact[] => [
    { path: `${root}/real/file`, kind: "file", realPath: `${root}/real/file`, names: "one" },
    {
      path: `${root}/real/sub`,
      kind: "directory",
      realPath: `${root}/real/sub`,
      entries: ["fkey"],
    },
  ];
  const changes: readonly (readonly [string, () => void])[] = [
    ["a file got another name", () => linkSync(`${root}/real/file`, `${root}/other-name`)],
    ["a file came to a folder", () => writeFileSync(`${root}/real/sub/new`, "")],
    ["a file went from a folder", () => rmSync(`${root}/real/sub/key`)],
    [
      "a file became a folder",
      () => replaceBy(`${root}/real/sub/key`, () => mkdirSync(`${root}/real/sub/key`)),
    ],
  ];
  beforeEach(() => writeFileSync(`${root}/real/sub/key`, ""));

  describe.each(moments)("made %s", (_, nowUnixMs) => {
    test("is used while nothing changed, and when what is in a file did", () => {
      keep(box([...facts(), ...surveyed()]), nowUnixMs);
      expect(readCachedPlan(cache, key)).toBeDefined();
      writeFileSync(`${root}/real/file`, "more");
      replaceBy(`${root}/real/sub/key`, () => writeFileSync(`${root}/real/sub/key`, "new"));
      expect(readCachedPlan(cache, key)).toBeDefined();
    });

    test.each(changes)("is not used when %s", (_, change) => {
      keep(box([...facts(), ...surveyed()]), nowUnixMs);
      change();
      expect(readCachedPlan(cache, key)).toBeUndefined();
    });
  });

  test("is not kept when that changed while it was made", () => {
    linkSync(`${root}/real/file`, `${root}/other-name`);
    keep(box([...facts(), ...surveyed()]));
    expect(readCachedPlan(cache, key)).toBeUndefined();
  });
});

test("planKey() keeps the ends of its parts apart", () => {
  expect(planKey(["ab", "c"])).not.toBe(planKey(["a", "bc"]));
  expect(planKey(["ab", "c"])).toBe(planKey(["ab", "c"]));
});

function replaceBy(path: string, make: () => void): void {
  rmSync(path, { recursive: true });
  make();
}
