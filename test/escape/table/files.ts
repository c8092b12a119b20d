// Classes A and B: files by name, and the same object under another name.

import { type Row, rows } from "../row.ts";

const statIsSeen = "Landlock knows no right to look: what no mount hides can be seen to exist";

/** Each on forbidden ground outside every grant, and on ground forbidden inside one. */
function onBoth(
  name: string,
  technique: string,
  words: readonly string[],
  rest: Partial<Row> = {},
): (Omit<Row, "group" | "on"> & { on: Row["on"] })[] {
  return (["outside", "denied"] as const).map((on) => ({
    name: `${name}-${on}`,
    technique: `${technique}, ${on === "outside" ? "outside every grant" : "forbidden inside a grant"}`,
    words,
    on,
    ...rest,
  }));
}

const f = "{t}/f";

export const plainFiles = rows("A", [
  ...onBoth("read", "open and read a file", ["read", f], { ledger: ["FileRead", f] }),
  ...onBoth("read-openat2", "the same by openat2", ["read-openat2", f], {
    ledger: ["FileRead", f],
  }),
  ...onBoth("write", "append to a file", ["write", f], { ledger: ["FileWrite", f] }),
  ...onBoth("create", "make a file", ["create", "{t}/new"], { ledger: ["FileWrite", "{t}/new"] }),
  ...onBoth("creat", "overwrite a file by creat", ["creat", f], { ledger: ["FileWrite", f] }),
  ...onBoth("create-openat2", "make a file by openat2", ["create-openat2", "{t}/new"]),
  ...onBoth("tmpfile", "an unnamed file that gets its name later", ["tmpfile", "{t}", "new"]),
  ...onBoth("truncate", "truncate by path", ["truncate", f], { ledger: ["FileWrite", f] }),
  ...onBoth("open-truncate", "open for reading with O_TRUNC", ["open-truncate", f], {
    ledger: ["FileWrite", f],
  }),
  ...onBoth("list", "list a folder", ["list", "{t}/d"], { ledger: ["DirList", "{t}/d"] }),
  ...onBoth("mkdir", "make a folder", ["mkdir", "{t}/new"], { ledger: ["DirCreate", "{t}/new"] }),
  ...onBoth("rmdir", "remove a folder", ["rmdir", "{t}/e"], { ledger: ["FileDelete", "{t}/e"] }),
  ...onBoth("unlink", "remove a file", ["unlink", f], { ledger: ["FileDelete", f] }),
  ...onBoth("rename-away", "move a file to another name beside it", ["rename", f, "{t}/g"], {
    ledger: ["FileDelete", f],
  }),
  ...onBoth("rename-over", "move a file over another", ["rename", f, "{t}/d/x"]),
  ...onBoth("chmod", "change a mode", ["chmod", f]),
  ...onBoth("fchmodat2", "change a mode by the new call", ["fchmodat2", f]),
  ...onBoth("chown", "change the owner", ["chown", f]),
  ...onBoth("utime", "change the times", ["utime", f]),
  ...onBoth("xattr", "set an extended attribute", ["xattr", f]),
  ...onBoth("lxattr", "the same without following links", ["lxattr", f]),
  ...onBoth("remove-xattr", "remove an extended attribute", ["remove-xattr", f]),
  ...onBoth("fifo", "make a FIFO", ["fifo", "{t}/new"]),
  ...onBoth("socket-node", "make a socket file", ["socket-node", "{t}/s"]),
  ...onBoth("chdir-read", "change into a folder, then read by a relative name", [
    "read-chdir",
    "{t}",
    "f",
  ]),
  ...onBoth("fchdir-read", "the same through an O_PATH descriptor", ["read-fchdir", "{t}", "f"]),
  ...onBoth("dirfd-read", "openat below an O_PATH descriptor", ["read-dirfd", "{t}", "f"]),
  ...onBoth("watch", "watch a folder by inotify", ["watch", "{t}"], {
    wanted: "inotify asks for no right Landlock knows: activity can be seen, content cannot",
  }),
  ...onBoth("stat", "look at a file's size and times", ["stat", f], {
    wanted: statIsSeen,
  }),
  ...onBoth("access", "ask whether a file exists", ["access", f], { wanted: statIsSeen }),
  ...onBoth("readlink", "read where a link leads", ["readlink", "{t}/l"], { wanted: statIsSeen }),
  {
    name: "xattr-at",
    technique: "set an extended attribute by the call of Linux 6.13",
    words: ["xattr-at", f],
    twin: ["xattr", "{s}"],
  },
  {
    name: "file-setattr",
    technique: "set file flags by the call of Linux 6.17",
    words: ["setattr", f],
    twin: ["chmod", "{s}"],
  },
  {
    name: "character-device",
    technique: "make a character device in the workspace",
    words: ["character-device", "{s}/device"],
    twin: ["fifo", "{s}/fifo"],
  },
  {
    name: "block-device",
    technique: "make a block device in the workspace",
    words: ["block-device", "{s}/device"],
    twin: ["fifo", "{s}/fifo"],
  },
  ...(
    [
      ["chmod", "mode", "fd-chmod"],
      ["chown", "owner", "fd-chown"],
      ["utime", "times", "fd-utime"],
      ["xattr", "attributes", "fd-xattr"],
      ["remove-xattr", "attributes, removing,", "fd-remove-xattr"],
      ["flags", "inode flags", "fd-flags"],
    ] as const
  ).map(([name, what, technique]) => ({
    name: `read-only-${name}`,
    technique: `change the ${what} of a file that may only be read, through its descriptor`,
    words: [technique, "{r}"],
    // Flags of an inode have no path a supervisor could judge by: nobody may change them.
    twin: [technique === "fd-flags" ? "fd-chmod" : technique, "{ws}/in/read-only/f"],
    untouched: ["{r}"],
  })),
  {
    name: "write-through-read",
    technique: "reopen a descriptor opened for reading, for writing",
    words: ["write-through-read", "{r}"],
    twin: ["write-through-read", "{ws}/in/read-only/f"],
    untouched: ["{r}"],
  },
  {
    name: "case-variant",
    technique: "read a forbidden file by another spelling of its name",
    words: ["read", "{ws}/DENIED/case-variant/f"],
    twin: ["read", "{ws}/in/read-only/f"],
  },
  {
    name: "double-slash",
    technique: "read a forbidden file with slashes and dots in its name",
    words: ["read", "{ws}//in/.././denied//double-slash/./f"],
    twin: ["read", "{ws}//in/.././in//read-only/./f"],
    ledger: ["FileRead", "{ws}/denied/double-slash/f"],
  },
]);

const throughLinks = [
  ["symlink-read", "read through a new symbolic link", ["symlink-read", f, "{s}/l"]],
  ["symlink-write", "write through a new symbolic link", ["symlink-write", f, "{s}/l"]],
  [
    "symlink-create",
    "make a file through a link that leads nowhere",
    ["symlink-write", "{t}/new", "{s}/l"],
  ],
  [
    "symlink-chain",
    "read through links to links and a linked parent",
    ["symlink-chain", f, "{s}/c"],
  ],
  ["symlink-folder", "read below a link to a folder", ["symlink-folder", "{t}", "f", "{s}/l"]],
  ["link-read", "read through a new hard link", ["link-read", f, "{s}/h"]],
  ["link-write", "write through a new hard link", ["link-write", f, "{s}/h"]],
  [
    "link-opath",
    "read through a hard link made from an O_PATH descriptor",
    ["link-opath", f, "{s}/h"],
  ],
  ["rename-in", "move a file into the workspace and read it", ["rename-read", f, "{s}/r"]],
  [
    "rename-folder",
    "move a folder into the workspace and read below it",
    ["rename-parent-read", "{t}/d", "{s}/r", "x"],
  ],
  ["exchange", "exchange a file with one of the workspace", ["exchange-read", "{s}/own", f]],
  ["magic-root", "read through /proc/self/root", ["own-root", f]],
  ["thread-root", "read through /proc/thread-self/root", ["thread-root", f]],
  ["opath-reopen", "reopen an O_PATH descriptor through /proc/self/fd", ["read-opath", f]],
] as const;

export const links = rows("B", [
  ...throughLinks.flatMap(([name, technique, words]) => onBoth(name, technique, words)),
  {
    name: "rename-denied-parent",
    technique: "move the folder above a forbidden one, then read",
    words: ["rename-parent-read", "{ws}/parent", "{ws}/elsewhere", "kept/f"],
    twin: ["rename-parent-read", "{ws}/in/rename-denied-parent/d", "{s}/moved", "x"],
    untouched: ["{ws}/parent"],
  },
  {
    name: "rename-workspace",
    technique: "move the workspace away and put another folder there",
    words: ["replace-folder", "{ws}", "{ws}-away", "f"],
    twin: ["replace-folder", "{ws}/in/rename-workspace/d", "{s}/away", "f"],
    untouched: ["{ws}-away"],
  },
  {
    name: "hard-link-before",
    technique: "write a file that has a second name outside since before the start",
    words: ["write", "{ws}/second-name"],
    twin: ["write", "{ws}/in/hard-link-before/f"],
    untouched: ["{out}/second-name"],
  },
  {
    name: "hard-link-before-truncate",
    technique: "truncate such a file",
    words: ["truncate", "{ws}/second-name"],
    twin: ["truncate", "{ws}/in/hard-link-before/f"],
    untouched: ["{out}/second-name"],
  },
  {
    name: "whiteout",
    technique: "leave a whiteout by renameat2",
    words: ["whiteout", "{s}/own", "{s}/w"],
    twin: ["rename", "{s}/own", "{s}/w"],
  },
  {
    name: "rename-git",
    technique: "move .git aside, plant a hook, move it back",
    words: ["rename-parent", "{ws}/.git", "{ws}/.git2", "hooks/post-merge"],
    twin: ["rename-parent", "{ws}/in/rename-git/d", "{s}/moved", "y"],
    untouched: ["{ws}/.git/hooks"],
  },
  {
    name: "linked-protected",
    technique: "write through a protected name that is a link inside the workspace",
    words: ["plant", "{ws}/.cursor", "rules"],
    twin: ["plant", "{ws}/in/linked-protected/d", "rules"],
    untouched: ["{ws}/cursor-target"],
  },
  {
    name: "dangling-protected",
    technique: "make what a protected name leads to",
    words: ["plant", "{ws}/.gemini", "settings.json"],
    twin: ["plant", "{ws}/in/dangling-protected/n", "settings.json"],
    untouched: ["{ws}/.gemini-target"],
  },
  {
    name: "exchange-protected",
    technique: "exchange a folder of the workspace with a protected one",
    words: ["exchange", "{ws}/in/exchange-protected/d", "{ws}/.git/hooks"],
    twin: ["exchange", "{ws}/in/exchange-protected/d", "{ws}/in/exchange-protected/e"],
    untouched: ["{ws}/.git/hooks"],
  },
]);

/** Under a policy that also forbids every `*.pem` of one folder; two are made after the start. */
/** Such a file changes who opens, so it lies in no other ground. */
export const linkedFiles = rows("B", [
  {
    name: "hard-link-before-read",
    technique: "read a file that has a forbidden second name since before the start",
    words: ["read", "{ws}/second-denied"],
    twin: ["read", "{ws}/in/hard-link-before-read/f"],
  },
]);

export const globs = rows("A", [
  {
    name: "glob",
    technique: "read a file whose name a pattern forbids",
    words: ["read", "{ws}/in/glob/key.pem"],
    twin: ["read", "{ws}/in/glob/f"],
    ledger: ["FileRead", "{ws}/in/glob/key.pem"],
  },
  {
    name: "glob-made-inside",
    technique: "make a file whose name a pattern forbids",
    words: ["create", "{ws}/in/glob/made.pem"],
    twin: ["create", "{ws}/in/glob/made"],
    untouched: ["{ws}/in/glob/made.pem"],
  },
  {
    name: "glob-renamed",
    technique: "read such a file after moving it to an innocent name",
    words: ["rename-read", "{ws}/in/glob/key2.pem", "{ws}/in/glob/innocent"],
    twin: ["rename-read", "{ws}/in/glob/g", "{ws}/in/glob/h"],
    untouched: ["{ws}/in/glob/key2.pem"],
  },
  {
    name: "glob-link",
    technique: "read such a file through a new hard link",
    words: ["link-read", "{ws}/in/glob/key.pem", "{ws}/in/glob/linked"],
    twin: ["link-read", "{ws}/in/glob/f", "{ws}/in/glob/linked-f"],
  },
]);
