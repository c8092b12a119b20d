// Random policies over a small real tree, and every kind of access near their rules, for comparing
// the kernel with decide(). Each access says which actions decide about it. Seeded.

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { resolvePath } from "../../src/base/paths.ts";
import type { Atom, Capability, PathAction } from "../../src/model/capability.ts";
import { at, exactly, forbid, like, not, permit, under } from "./ir.ts";
import { pick, type Random } from "./random-capabilities.ts";

const folders = ["a", "a/b", "a/b/c", "a/d", "a/.git", "a/.git/hooks", "e", "e/f", "e/.git", "g"];
const fileNames = ["1.txt", "k.pem", ".env", "x"];
/** Where nothing is when the box starts: protected, forbidden or granted all the same. */
const absent = ["a/none", "a/b/out.txt", "e/none/deep.txt", "e/.git/hooks", "g/.env.local", "new"];
const files = folders.flatMap((folder) => fileNames.map((name) => `${folder}/${name}`));

/** Links to folders; no rule speaks of them, accesses go through them. */
const links = [
  ["to-a", "a"],
  ["g/to-hooks", "a/.git/hooks"],
  ["a/d/to-e", "e"],
] as const;

/** The tree in `base`: what is read, changed and run stays, what is named `old` is there to go. */
export function makeTree(base: string): void {
  for (const folder of folders) {
    mkdirSync(`${base}/${folder}/old`, { recursive: true });
    writeFileSync(`${base}/${folder}/old.pem`, "content");
    writeFileSync(`${base}/${folder}/old.txt`, "content");
    for (const name of ["move.pem", "move.txt", "twin.pem", "twin.txt"]) {
      writeFileSync(`${base}/${folder}/${name}`, "content");
    }
  }
  for (const file of files) {
    writeFileSync(`${base}/${file}`, "content");
    chmodSync(`${base}/${file}`, 0o755);
  }
  for (const [link, folder] of links) symlinkSync(`${base}/${folder}`, `${base}/${link}`);
}

const actionSets = [
  "read",
  "change",
  "all",
  "FileRead",
  "FileRead FileWrite",
  "FileWrite",
  "FileWrite FileDelete DirCreate",
  "FileDelete",
  "DirCreate",
  "DirList",
  "ProcessSpawn",
  "FileRead ProcessSpawn",
];
const withoutRunning = actionSets.filter((set) => !/all|ProcessSpawn/.test(set));

function randomGlob(random: Random, base: string): Atom {
  const folder = pick(random, ["", "/a", "/a/b", "/e", "/g"]);
  const tail = pick(random, [
    "*.pem",
    "*.txt",
    "*/.env",
    "*/.git/*",
    "*/b/*",
    "*/made*",
    "*/x",
    "b*",
  ]);
  const isAnywhere = random(4) === 0 && tail !== "b*";
  return like(isAnywhere ? tail : `${base}${folder}/${tail}`);
}

function randomPlace(random: Random, base: string): string {
  const place = pick(random, [
    ...folders,
    ...folders,
    ...folders,
    ...files,
    ...absent,
    ...absent,
    "",
  ]);
  return resolvePath(at(base), place);
}

function randomRule(random: Random, base: string, effect: typeof permit): Capability {
  const isGlob = random(4) === 0;
  const shape = pick(random, [under, under, under, exactly, (name: string) => like(`${name}/*`)]);
  const where = [isGlob ? randomGlob(random, base) : shape(randomPlace(random, base))];
  if (random(4) === 0) where.push(not(under(randomPlace(random, base))));
  const leavesOut = random(8) === 0;
  if (leavesOut) where.push(not(randomGlob(random, base)));
  const isSet = isGlob || leavesOut;
  if (isSet && effect === forbid && random(2) === 0) return effect("all", ...where);
  return effect(pick(random, isSet ? withoutRunning : actionSets), ...where);
}

/** A folder in which one part is given back. */
function reopened(random: Random, base: string): Capability {
  const [outer, inner] = pick(random, [
    ["a", "a/b"],
    ["a", "a/b/c"],
    ["a/b", "a/b/c"],
    ["e", "e/f"],
    ["e", "e/f/1.txt"],
  ] as const);
  const actions = pick(random, ["all", "read", "FileRead", "change"]);
  return forbid(actions, under(`${base}/${outer}`), not(under(`${base}/${inner}`)));
}

function protectedName(random: Random, base: string): Capability {
  const name = pick(random, ["a/.git/hooks", "e/.git/hooks", "a/.git/x", "g/.env.local", "new"]);
  return forbid("change", pick(random, [under, exactly])(`${base}/${name}`));
}

export function randomPolicy(random: Random, base: string): Capability[] {
  const many = (count: number, rule: () => Capability) => Array.from({ length: count }, rule);
  return [
    ...(random(3) === 0 ? [permit("all", under(base))] : []),
    ...many(1 + random(4), () => randomRule(random, base, permit)),
    ...many(random(3), () => randomRule(random, base, forbid)),
    ...many(random(4) === 0 ? 1 : 0, () => reopened(random, base)),
    ...many(random(3) === 0 ? 1 : 0, () => protectedName(random, base)),
  ];
}

export interface Access {
  /** For the fixture. */
  readonly attempt: string;
  /** Each has to be allowed. */
  readonly needs: readonly { readonly action: PathAction; readonly path: string }[];
  /** Who may not read or write at `from` must not be able to at `to`. */
  readonly moves?: { readonly from: string; readonly to: string };
  /** Held exactly only where the broker answers. */
  readonly takesBroker?: boolean;
}

function access(verb: string, path: string, ...actions: readonly PathAction[]): Access {
  return { attempt: `${verb} ${path}`, needs: actions.map((action) => ({ action, path })) };
}

function judged(verb: string, path: string, ...actions: readonly PathAction[]): Access {
  return { ...access(verb, path, ...actions), takesBroker: true };
}

/**
 * Each name made or removed is used by one access only, and by those after it that need it to be
 * there: what they answer where it is not is no verdict.
 */
export function accessesOn(base: string): Access[] {
  return ["", ...folders]
    .flatMap((folder): Access[] => {
      const path = resolvePath(at(base), folder);
      const named = (name: string) => resolvePath(path, name);
      return [
        access("list", path, "DirList"),
        ...["made.txt", "made.pem", "made"].flatMap((name) => [
          access("create", named(name), "FileWrite"),
          access("read", named(name), "FileRead"),
          access("append", named(name), "FileWrite"),
          access("unlink", named(name), "FileDelete"),
        ]),
        access("openat2", named("opened.txt"), "FileWrite"),
        access("symlink /etc/passwd", named("linked.pem"), "FileWrite"),
        access("fifo", named("pipe.txt"), "FileWrite"),
        access("mkdir", named("made-folder"), "DirCreate"),
        access("list", named("made-folder"), "DirList"),
        ...(folder === "" ? [] : onStanding(named)),
      ];
    })
    .concat(
      links.flatMap(([link, folder]) => throughLink(base, link, folder)),
      onAbsent(base),
    );
}

/** A name in the folder a link leads to is judged as what it is. */
function throughLink(base: string, link: string, folder: string): Access[] {
  const real = (name: string) => `${base}/${folder}/${name}`;
  const by = (verb: string, name: string, ...actions: readonly PathAction[]): Access => ({
    attempt: `${verb} ${base}/${link}/${name}`,
    needs: actions.map((action) => ({ action, path: real(name) })),
  });
  const mark = link.replaceAll("/", "-");
  return [
    by("read", "k.pem", "FileRead"),
    by("append", "x", "FileWrite"),
    by("create", `${mark}.pem`, "FileWrite"),
    by("read", `${mark}.pem`, "FileRead"),
    by("unlink", `${mark}.pem`, "FileDelete"),
    by("mkdir", mark, "DirCreate"),
  ];
}

/** A second name, or another one, in the same folder. */
function carried(verb: "rename" | "link", from: string, to: string): Access {
  const first: PathAction = verb === "rename" ? "FileDelete" : "FileRead";
  return {
    attempt: `${verb} ${from} ${to}`,
    needs: [
      { action: first, path: from },
      { action: "FileWrite", path: to },
    ],
    moves: { from, to },
    takesBroker: true,
  };
}

function onStanding(named: (name: string) => string): Access[] {
  return [
    ...fileNames.flatMap((name) => [
      access("read", named(name), "FileRead"),
      access("append", named(name), "FileWrite"),
      access("open-create", named(name), "FileRead", "FileWrite"),
      access("exec", named(name), "ProcessSpawn"),
      judged("chmod", named(name), "FileWrite"),
      judged("fchmod", named(name), "FileRead", "FileWrite"),
      judged("utime", named(name), "FileWrite"),
      access("truncate", named(name), "FileWrite"),
    ]),
    access("unlink", named("old.pem"), "FileDelete"),
    access("unlink", named("old.txt"), "FileDelete"),
    access("rmdir", named("old"), "FileDelete"),
    carried("link", named("twin.pem"), named("hard.txt")),
    carried("link", named("twin.txt"), named("hard.pem")),
    carried("rename", named("move.pem"), named("moved.txt")),
    carried("rename", named("move.txt"), named("moved.pem")),
    access("read", named("moved.txt"), "FileRead"),
    access("append", named("moved.pem"), "FileWrite"),
  ];
}

function onAbsent(base: string): Access[] {
  return absent.flatMap((name) => {
    const path = `${base}/${name}`;
    const isFolder = name === "e/.git/hooks";
    return isFolder
      ? [access("mkdir", path, "DirCreate"), access("create", `${path}/x`, "FileWrite")]
      : [
          access("create", path, "FileWrite"),
          access("read", path, "FileRead"),
          access("append", path, "FileWrite"),
          access("unlink", path, "FileDelete"),
        ];
  });
}
