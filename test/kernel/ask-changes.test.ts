// `aegis run --ask` about calls that make, move, remove or change something: each kind asks, does
// just what was said yes to, and nothing after a no; in each setting a machine offers.

import { describe, expect } from "bun:test";
import {
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type AskedPlace, askedPlace, isThere, runAsked, textOf } from "../support/asked.ts";
import { settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser, plainUser } from "../support/harness.ts";

const needs = ["linux", "landlock", "seccomp", "tool python3"] as const;

interface Kind {
  readonly name: string;
  /** Python, with `o` the folder no rule is about and `w` the workspace. */
  readonly deed: string;
  /** What is asked, in order; `%` stands for `o`. */
  readonly asks: readonly RegExp[];
  /** Whether it was done. */
  readonly isDone: (place: AskedPlace) => boolean;
}

const kinds: readonly Kind[] = [
  {
    name: "mkdir",
    deed: 'os.mkdir(o + "/folder", 0o770)',
    asks: [/wants to make the folder\s+"%\/folder"/],
    isDone: ({ other }) => modeAt(other, "folder") === 0o750,
  },
  {
    name: "open of a new file",
    deed: 'os.write(os.open(o + "/file", os.O_CREAT | os.O_WRONLY, 0o660), b"text")',
    asks: [/wants to write\s+"%\/file"\s+It is not there yet/],
    isDone: ({ other }) => modeAt(other, "file") === 0o640 && textOf(`${other}/file`) === "text",
  },
  {
    name: "open of a new file for both",
    deed: 'open(o + "/both", "x+").write("text")',
    asks: [/wants to read and write\s+"%\/both"/],
    isDone: ({ other }) => existsSync(`${other}/both`) && textOf(`${other}/both`) === "text",
  },
  {
    name: "mknod",
    deed: 'os.mkfifo(o + "/fifo", 0o666)',
    asks: [/wants to write\s+"%\/fifo"/],
    isDone: ({ other }) => modeAt(other, "fifo") === 0o640,
  },
  {
    name: "bind",
    deed: 's = socket.socket(socket.AF_UNIX); s.bind(o + "/socket"); s.listen(); keep.append(s)',
    asks: [/wants to write\s+"%\/socket"\s+It is not there yet/],
    isDone: ({ other }) => modeAt(other, "socket") === 0o750 && isAnswering(`${other}/socket`),
  },
  {
    name: "symlink",
    deed: 'os.symlink("/some/where", o + "/symlink")',
    asks: [/wants to write\s+"%\/symlink"\s+It would be a symbolic link to "\/some\/where"/],
    isDone: ({ other }) =>
      isThere(other, "symlink") && readlinkSync(`${other}/symlink`) === "/some/where",
  },
  {
    name: "link of a file of one's own to there",
    deed: 'open(w + "/own", "w").close(); os.link(w + "/own", o + "/link")',
    asks: [/wants to write\s+"%\/link"\s+It would be a second name of ".*\/own"/],
    isDone: ({ other }) => isThere(other, "link") && statSync(`${other}/link`).nlink === 2,
  },
  {
    name: "link of a file from there",
    deed: 'os.link(o + "/a", w + "/linked")',
    asks: [/wants to read and write\s+"%\/a"\s+It would get a second name, ".*\/linked"/],
    isDone: ({ workspace }) => isThere(workspace, "linked"),
  },
  {
    name: "rename there",
    deed: 'os.rename(o + "/b", o + "/b2")',
    asks: [
      /wants to delete\s+"%\/b"\s+It would be moved to "%\/b2"/,
      /wants to write\s+"%\/b2"\s+It would be what is "%\/b"/,
    ],
    isDone: ({ other }) => isThere(other, "b2") && !isThere(other, "b"),
  },
  {
    name: "rename from there",
    deed: 'os.rename(o + "/c", w + "/c")',
    asks: [/wants to read and write and delete\s+"%\/c"\s+It would be moved to ".*\/c"/],
    isDone: ({ other, workspace }) => isThere(workspace, "c") && !isThere(other, "c"),
  },
  {
    name: "rename of a folder from there",
    deed: 'os.rename(o + "/full", w + "/full")',
    asks: [/wants to read and write and delete\s+"%\/full"/],
    isDone: ({ other, workspace }) => isThere(workspace, "full/file") && !isThere(other, "full"),
  },
  {
    name: "exchange",
    deed: 'open(w + "/mine", "w").close(); exchange(w + "/mine", o + "/e")',
    asks: [/wants to read and write and delete\s+"%\/e"/],
    isDone: ({ other, workspace }) =>
      textOf(join(other, "e")) === "" && textOf(join(workspace, "mine")) === "text of e\n",
  },
  {
    name: "unlink",
    deed: 'os.unlink(o + "/d")',
    asks: [/wants to delete\s+"%\/d"\s+No rule/],
    isDone: ({ other }) => !isThere(other, "d"),
  },
  {
    name: "rmdir",
    deed: 'os.rmdir(o + "/empty")',
    asks: [/wants to delete\s+"%\/empty"/],
    isDone: ({ other }) => !isThere(other, "empty"),
  },
  {
    name: "truncate",
    deed: 'os.truncate(o + "/t", 4)',
    asks: [/wants to write\s+"%\/t"\s+Its size would be changed/],
    isDone: ({ other }) => textOf(`${other}/t`) === "text",
  },
  {
    name: "chmod",
    deed: 'os.chmod(o + "/m", 0o604)',
    asks: [/wants to write\s+"%\/m"\s+Its mode would be changed/],
    isDone: ({ other }) => modeAt(other, "m") === 0o604,
  },
  {
    name: "chmod by a descriptor",
    deed: 'os.fchmod(os.open(o + "/r", os.O_RDONLY), 0o604)',
    asks: [/wants to write\s+"%\/r"\s+Its mode would be changed/],
    isDone: ({ other }) => modeAt(other, "r") === 0o604,
  },
  {
    name: "chown",
    deed: 'os.chown(o + "/m", -1, os.getgid()); os.chmod(w + "/own", 0o611)',
    asks: [/wants to write\s+"%\/m"\s+Its owner or group would be changed/],
    isDone: ({ workspace }) => modeAt(workspace, "own") === 0o611,
  },
  {
    name: "chown of a link",
    deed: 'os.lchown(o + "/l", -1, os.getgid()); os.chmod(w + "/own", 0o622)',
    asks: [/wants to write\s+"%\/l"\s+Its owner or group would be changed/],
    isDone: ({ workspace }) => modeAt(workspace, "own") === 0o622,
  },
  {
    name: "utime",
    deed: 'os.utime(o + "/m", (1000, 2000))',
    asks: [/wants to write\s+"%\/m"\s+Its times would be changed/],
    isDone: ({ other }) => statSync(`${other}/m`).mtimeMs === 2_000_000,
  },
  {
    name: "setxattr",
    deed: 'os.setxattr(o + "/m", "user.x", b"value")',
    asks: [/wants to write\s+"%\/m"\s+An attribute of it would be changed/],
    isDone: ({ other }) => attributesOf(`${other}/m`).includes("'user.x': b'value'"),
  },
  {
    name: "removexattr",
    deed: 'os.removexattr(o + "/x", "user.y")',
    asks: [/wants to write\s+"%\/x"\s+An attribute of it would be changed/],
    isDone: ({ other }) => !attributesOf(`${other}/x`).includes("user.y"),
  },
];

const prelude = `
import ctypes, os, socket
keep = []
os.umask(0o027)
o, w = os.environ["OTHER"], os.getcwd()
libc = ctypes.CDLL(None, use_errno=True)
def exchange(a, b):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), 2) < 0:
        raise OSError(ctypes.get_errno(), "")
def attempt(name, deed):
    try:
        exec(deed)
        print("[%s ok]" % name, flush=True)
    except OSError as e:
        print("[%s %d]" % (name, e.errno), flush=True)
`;

/** The script of the deeds, for sh. */
function scriptOf(place: AskedPlace, deeds: readonly Kind[]): string {
  const text = JSON.stringify;
  const calls = deeds.map(({ name, deed }) => `attempt(${text(name)}, ${text(deed)})`);
  writeFileSync(join(place.workspace, "deeds.py"), `${prelude}${calls.join("\n")}\nprint("over")`);
  return "exec /usr/bin/python3 -IS deeds.py";
}

function preparedPlace(isPlain: boolean): AskedPlace {
  const place = askedPlace();
  const { other } = place;
  for (const name of ["e", "t", "m", "r", "x"])
    writeFileSync(join(other, name), `text of ${name}\n`);
  mkdirSync(join(other, "empty"));
  mkdirSync(join(other, "full"));
  writeFileSync(join(other, "full", "file"), "");
  Bun.spawnSync(["ln", "-s", "nowhere", join(other, "l")]);
  python(`os.setxattr("${other}/x", "user.y", b"1")`);
  if (isPlain)
    for (const path of [place.workspace, other, place.home, join(place.policy, "../..")])
      giveToPlainUser(path);
  const { uid, gid } = plainUser();
  if (isPlain) lchownSync(join(other, "l"), uid, gid);
  return place;
}

const modeAt = (folder: string, name: string) =>
  (lstatSync(join(folder, name), { throwIfNoEntry: false })?.mode ?? 0) & 0o777;
const attributesOf = (path: string) =>
  python(`print({each: os.getxattr("${path}", each) for each in os.listxattr("${path}")})`);

/** Somebody listens there. */
function isAnswering(path: string): boolean {
  const connect = `import socket; print(socket.socket(socket.AF_UNIX).connect_ex("${path}"))`;
  return python(connect).trim() === "0";
}

function python(statement: string): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["python3", "-c", `import os; ${statement}`]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return stdout.toString();
}

for (const setting of settings()) {
  const weaker = setting.name.includes("no namespaces") ? ["--allow-weaker"] : [];
  const begin = (place: AskedPlace, deeds: readonly Kind[]) =>
    runAsked(
      place,
      scriptOf(place, deeds),
      [...weaker, "--read", join(place.other, "r")],
      setting.through([]),
    );

  describe(setting.name, () => {
    testWith(
      needs,
      "a yes does what was asked about, for each kind of call",
      async () => {
        const place = preparedPlace(setting.isPlain);
        await using asked = begin(place, kinds);
        for (const { name, asks, isDone } of kinds) {
          expect({ name, isDone: isDone(place) }).toEqual({ name, isDone: false });
          for (const wanted of asks) {
            const question = (await asked.question()).replaceAll(place.other, "%");
            expect(question).toMatch(wanted);
            expect(await asked.answer("o")).toBe("allowed once");
          }
          await asked.see(new RegExp(`\\[${name} ok\\]`));
          expect({ name, isDone: isDone(place) }).toEqual({ name, isDone: true });
        }
        await asked.see(/over\r\n/);
        expect(await asked.exited).toBe(0);
      },
      120_000,
    );

    testWith(
      needs,
      "a no does nothing, for each kind of call",
      async () => {
        const place = preparedPlace(setting.isPlain);
        const before = readdirSync(place.other).sort();
        await using asked = begin(place, kinds);
        for (const { name, asks, isDone } of kinds) {
          const question = (await asked.question()).replaceAll(place.other, "%");
          expect(question).toMatch(asks[0] ?? /^$/);
          expect(await asked.answer("n")).toBe("denied");
          await asked.see(new RegExp(`\\[${name} 13\\]`));
          expect({ name, isDone: isDone(place) }).toEqual({ name, isDone: false });
        }
        await asked.see(/over\r\n/);
        await asked.exited;
        expect(readdirSync(place.other).sort()).toEqual(before);
      },
      120_000,
    );
  });
}
