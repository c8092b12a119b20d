// Classes A and B: files by name, and the same object under another name.

import { type Left, type NoRow, refusedCall } from "../left.ts";
import { type Row, rows } from "../row.ts";

const statIsSeen = "Landlock knows no right to look: what no mount hides can be seen to exist";

/**
 * Action and object of the denial; `hidden`: where a mount hides the object there is none, or
 * another action is, as what it is cannot be told.
 */
type Denied = readonly [
  action: string,
  object: string,
  hidden?: "hidden" | "FileRead" | "FileWrite",
];

/** Each on forbidden ground outside every grant, and on ground forbidden inside one. */
function onBoth(
  name: string,
  technique: string,
  words: readonly string[],
  denied: Denied | undefined,
  rest: Partial<Row> = {},
): (Omit<Row, "group" | "on"> & { on: Row["on"] })[] {
  return (["outside", "denied"] as const).map((on) => ({
    name: `${name}-${on}`,
    technique: `${technique}, ${on === "outside" ? "outside every grant" : "forbidden inside a grant"}`,
    words,
    on,
    ...leavesOn(on, denied),
    ...rest,
  }));
}

function leavesOn(on: Row["on"], denied: Denied | undefined): Pick<Row, "leaves"> {
  if (denied === undefined) return on === "outside" ? {} : { leaves: { namespaces: "hidden" } };
  const [action, object, hidden] = denied;
  if (on === "outside") return { leaves: [action, object] };
  const left: Left = [action, object, byFlag];
  if (hidden === undefined) return { leaves: left };
  const behind: Left | NoRow = hidden === "hidden" ? hidden : [hidden, object, byFlag];
  return { leaves: { namespaces: behind, shared: left } };
}

const byFlag = "flag:--deny";
const byPattern = "flag:--deny 3";
const f = "{t}/f";

export const plainFiles = rows("A", [
  ...onBoth("read", "open and read a file", ["read", f], ["FileRead", f]),
  ...onBoth("read-openat2", "the same by openat2", ["read-openat2", f], ["FileRead", f]),
  ...onBoth("write", "append to a file", ["write", f], ["FileWrite", f]),
  ...onBoth("create", "make a file", ["create", "{t}/new"], ["FileWrite", "{t}/new"]),
  ...onBoth("creat", "overwrite a file by creat", ["creat", f], ["FileWrite", f]),
  ...onBoth(
    "create-openat2",
    "make a file by openat2",
    ["create-openat2", "{t}/new"],
    ["FileWrite", "{t}/new"],
  ),
  ...onBoth(
    "tmpfile",
    "an unnamed file that gets its name later",
    ["tmpfile", "{t}", "new"],
    ["FileWrite", "{t}"],
  ),
  ...onBoth("truncate", "truncate by path", ["truncate", f], ["FileWrite", f]),
  ...onBoth(
    "open-truncate",
    "open for reading with O_TRUNC",
    ["open-truncate", f],
    ["FileWrite", f],
    { twin: ["open-truncate", f] },
  ),
  ...onBoth("list", "list a folder", ["list", "{t}/d"], ["DirList", "{t}/d", "FileRead"], {
    twin: ["list", "{t}/d"],
  }),
  ...onBoth("mkdir", "make a folder", ["mkdir", "{t}/new"], ["DirCreate", "{t}/new"]),
  ...onBoth("rmdir", "remove a folder", ["rmdir", "{t}/e"], ["FileDelete", "{t}/e"]),
  ...onBoth("unlink", "remove a file", ["unlink", f], ["FileDelete", f]),
  ...onBoth(
    "rename-away",
    "move a file to another name beside it",
    ["rename", f, "{t}/g"],
    ["FileDelete", f],
  ),
  ...onBoth("rename-over", "move a file over another", ["rename", f, "{t}/d/x"], ["FileDelete", f]),
  ...onBoth("chmod", "change a mode", ["chmod", f], ["FileWrite", f]),
  ...onBoth("fchmodat2", "change a mode by the new call", ["fchmodat2", f], ["FileWrite", f]),
  ...onBoth("chown", "change the owner", ["chown", f], ["FileWrite", f]),
  ...onBoth("utime", "change the times", ["utime", f], ["FileWrite", f]),
  ...onBoth("xattr", "set an extended attribute", ["xattr", f], ["FileWrite", f]),
  ...onBoth("lxattr", "the same without following links", ["lxattr", f], ["FileWrite", f]),
  ...onBoth("remove-xattr", "remove an extended attribute", ["remove-xattr", f], ["FileWrite", f], {
    twin: ["remove-xattr", f],
  }),
  ...onBoth("fifo", "make a FIFO", ["fifo", "{t}/new"], ["FileWrite", "{t}/new"]),
  ...onBoth("socket-node", "make a socket file", ["socket-node", "{t}/s"], ["FileWrite", "{t}/s"]),
  ...onBoth(
    "chdir-read",
    "change into a folder, then read by a relative name",
    ["read-chdir", "{t}", "f"],
    ["FileRead", f, "hidden"],
  ),
  ...onBoth(
    "fchdir-read",
    "the same through an O_PATH descriptor",
    ["read-fchdir", "{t}", "f"],
    ["FileRead", f, "hidden"],
  ),
  ...onBoth(
    "dirfd-read",
    "openat below an O_PATH descriptor",
    ["read-dirfd", "{t}", "f"],
    ["FileRead", f, "hidden"],
  ),
  ...onBoth("watch", "watch a folder by inotify", ["watch", "{t}"], undefined, {
    wanted: "inotify asks for no right Landlock knows: activity can be seen, content cannot",
  }),
  ...onBoth("stat", "look at a file's size and times", ["stat", f], undefined, {
    wanted: statIsSeen,
  }),
  ...onBoth("list-xattr", "list extended attributes", ["list-xattr", f], undefined, {
    wanted: "Landlock knows no right to read them either",
  }),
  ...onBoth("access", "ask whether a file exists", ["access", f], undefined, {
    wanted: statIsSeen,
  }),
  ...onBoth("readlink", "read where a link leads", ["readlink", "{t}/l"], undefined, {
    wanted: statIsSeen,
  }),
  {
    name: "xattr-at",
    technique: "set an extended attribute by the call of Linux 6.13",
    words: ["xattr-at", f],
    leaves: "filter",
    twin: ["xattr", "{s}"],
  },
  {
    name: "file-setattr",
    technique: "set file flags by the call of Linux 6.17",
    words: ["setattr", f],
    leaves: "filter",
    twin: ["chmod", "{s}"],
  },
  {
    name: "character-device",
    technique: "make a character device in the workspace",
    words: ["character-device", "{s}/device"],
    leaves: refusedCall("mknod"),
    twin: ["fifo", "{s}/fifo"],
  },
  {
    name: "block-device",
    technique: "make a block device in the workspace",
    words: ["block-device", "{s}/device"],
    leaves: refusedCall("mknod"),
    twin: ["fifo", "{s}/fifo"],
  },
  ...(
    [
      ["chmod", "mode", "fd-chmod"],
      ["chown", "owner", "fd-chown"],
      ["utime", "times", "fd-utime"],
      ["xattr", "attributes", "fd-xattr"],
      ["remove-xattr", "attributes, removing,", "fd-remove-xattr"],
      ["flags", "inode flags", "fd-flags", "0x40086602"],
      ["generation", "generation", "fd-generation", "0x40087602"],
    ] as const
  ).map(([name, what, technique, request]) => ({
    name: `read-only-${name}`,
    technique: `change the ${what} of a file that may only be read, through its descriptor`,
    words: [technique, "{r}"],
    leaves: request === undefined ? (["FileWrite", "{r}"] as const) : refusedCall("ioctl", request),
    // A request has no path a supervisor could judge by: nobody may make it.
    twin: [request === undefined ? technique : "fd-chmod", "{ws}/in/read-only/f"],
    untouched: ["{r}"],
  })),
  {
    name: "write-through-read",
    technique: "reopen a descriptor opened for reading, for writing",
    words: ["write-through-read", "{r}"],
    leaves: ["FileWrite", "{r}"],
    twin: ["write-through-read", "{ws}/in/read-only/f"],
    untouched: ["{r}"],
  },
  {
    name: "case-variant",
    technique: "read a forbidden file by another spelling of its name",
    words: ["read", "{ws}/DENIED/case-variant/f"],
    leaves: "absent",
    twin: ["read", "{ws}/in/read-only/f"],
  },
  {
    name: "double-slash",
    technique: "read a forbidden file with slashes and dots in its name",
    words: ["read", "{ws}//in/.././denied//double-slash/./f"],
    twin: ["read", "{ws}//in/.././in//read-only/./f"],
    leaves: ["FileRead", "{ws}/denied/double-slash/f", byFlag],
  },
]);

const throughLinks = [
  [
    "symlink-read",
    "read through a new symbolic link",
    ["symlink-read", f, "{s}/l"],
    ["FileRead", f],
  ],
  [
    "symlink-write",
    "write through a new symbolic link",
    ["symlink-write", f, "{s}/l"],
    ["FileWrite", f],
  ],
  [
    "symlink-create",
    "make a file through a link that leads nowhere",
    ["symlink-write", "{t}/new", "{s}/l"],
    ["FileWrite", "{t}/new"],
  ],
  [
    "symlink-chain",
    "read through links to links and a linked parent",
    ["symlink-chain", f, "{s}/c"],
    ["FileRead", f],
  ],
  [
    "symlink-folder",
    "read below a link to a folder",
    ["symlink-folder", "{t}", "f", "{s}/l"],
    ["FileRead", f],
  ],
  ["link-read", "read through a new hard link", ["link-read", f, "{s}/h"], ["FileRead", f]],
  ["link-write", "write through a new hard link", ["link-write", f, "{s}/h"], ["FileRead", f]],
  [
    "link-opath",
    "read through a hard link made from an O_PATH descriptor",
    ["link-opath", f, "{s}/h"],
    ["FileRead", f, "hidden"],
  ],
  [
    "rename-in",
    "move a file into the workspace and read it",
    ["rename-read", f, "{s}/r"],
    ["FileDelete", f],
  ],
  [
    "rename-folder",
    "move a folder into the workspace and read below it",
    ["rename-parent-read", "{t}/d", "{s}/r", "x"],
    ["FileDelete", "{t}/d"],
  ],
  [
    "exchange",
    "exchange a file with one of the workspace",
    ["exchange-read", "{s}/own", f],
    ["FileWrite", f],
  ],
  ["magic-root", "read through /proc/self/root", ["own-root", f], ["FileRead", f]],
  ["thread-root", "read through /proc/thread-self/root", ["thread-root", f], ["FileRead", f]],
  [
    "opath-reopen",
    "reopen an O_PATH descriptor through /proc/self/fd",
    ["read-opath", f],
    ["FileRead", f, "hidden"],
  ],
] as const;

export const links = rows("B", [
  ...throughLinks.flatMap(([name, technique, words, denied]) =>
    onBoth(name, technique, words, denied),
  ),
  {
    name: "rename-denied-parent",
    technique: "move the folder above a forbidden one, then read",
    words: ["rename-parent-read", "{ws}/parent", "{ws}/elsewhere", "kept/f"],
    leaves: ["FileDelete", "{ws}/parent", "flag:--deny 2"],
    twin: ["rename-parent-read", "{ws}/in/rename-denied-parent/d", "{s}/moved", "x"],
    untouched: ["{ws}/parent"],
  },
  {
    name: "rename-workspace",
    technique: "move the workspace away and put another folder there",
    words: ["replace-folder", "{ws}", "{ws}-away", "f"],
    leaves: ["FileWrite", "{ws}-away"],
    twin: ["replace-folder", "{ws}/in/rename-workspace/d", "{s}/away", "f"],
    untouched: ["{ws}-away"],
  },
  {
    name: "hard-link-before",
    technique: "write a file that has a second name outside since before the start",
    words: ["write", "{ws}/second-name"],
    leaves: ["FileWrite", "{ws}/second-name", "box:several-names"],
    twin: ["write", "{ws}/in/hard-link-before/f"],
    untouched: ["{out}/second-name"],
  },
  {
    name: "hard-link-before-truncate",
    technique: "truncate such a file",
    words: ["truncate", "{ws}/second-name"],
    leaves: ["FileWrite", "{ws}/second-name", "box:several-names"],
    twin: ["truncate", "{ws}/in/hard-link-before/f"],
    untouched: ["{out}/second-name"],
  },
  {
    name: "whiteout",
    technique: "leave a whiteout by renameat2",
    words: ["whiteout", "{s}/own", "{s}/w"],
    leaves: refusedCall("renameat2"),
    twin: ["rename", "{s}/own", "{s}/w"],
  },
  {
    name: "rename-git",
    technique: "move .git aside, plant a hook, move it back",
    words: ["rename-parent", "{ws}/.git", "{ws}/.git2", "hooks/post-merge"],
    leaves: ["FileDelete", "{ws}/.git", "protected:git-hooks"],
    twin: ["rename-parent", "{ws}/in/rename-git/d", "{s}/moved", "y"],
    untouched: ["{ws}/.git/hooks"],
  },
  {
    name: "linked-protected",
    technique: "write through a protected name that is a link inside the workspace",
    words: ["plant", "{ws}/.cursor", "rules"],
    leaves: ["FileWrite", "{ws}/cursor-target/rules", "protected:workspace-agents"],
    twin: ["plant", "{ws}/in/linked-protected/d", "rules"],
    untouched: ["{ws}/cursor-target"],
  },
  {
    name: "dangling-protected",
    technique: "make what a protected name leads to",
    words: ["plant", "{ws}/.gemini", "settings.json"],
    leaves: ["FileWrite", "{ws}/.gemini-target/settings.json", "protected:workspace-agents"],
    twin: ["plant", "{ws}/in/dangling-protected/n", "settings.json"],
    untouched: ["{ws}/.gemini-target"],
  },
  {
    name: "exchange-protected",
    technique: "exchange a folder of the workspace with a protected one",
    words: ["exchange", "{ws}/in/exchange-protected/d", "{ws}/.git/hooks"],
    leaves: ["FileWrite", "{ws}/.git/hooks", "protected:git-hooks"],
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
    leaves: ["FileRead", "{ws}/second-denied", byFlag],
    twin: ["read", "{ws}/in/hard-link-before-read/f"],
  },
]);

export const globs = rows("A", [
  {
    name: "glob",
    technique: "read a file whose name a pattern forbids",
    words: ["read", "{ws}/in/glob/key.pem"],
    leaves: ["FileRead", "{ws}/in/glob/key.pem", byPattern],
    twin: ["read", "{ws}/in/glob/f"],
  },
  {
    name: "glob-made-inside",
    technique: "make a file whose name a pattern forbids",
    words: ["create", "{ws}/in/glob/made.pem"],
    leaves: ["FileWrite", "{ws}/in/glob/made.pem", byPattern],
    twin: ["create", "{ws}/in/glob/made"],
    untouched: ["{ws}/in/glob/made.pem"],
  },
  {
    name: "glob-renamed",
    technique: "read such a file after moving it to an innocent name",
    words: ["rename-read", "{ws}/in/glob/key2.pem", "{ws}/in/glob/innocent"],
    leaves: ["FileDelete", "{ws}/in/glob/key2.pem", byPattern],
    twin: ["rename-read", "{ws}/in/glob/g", "{ws}/in/glob/h"],
    untouched: ["{ws}/in/glob/key2.pem"],
  },
  {
    name: "glob-link",
    technique: "read such a file through a new hard link",
    words: ["link-read", "{ws}/in/glob/key.pem", "{ws}/in/glob/linked"],
    leaves: ["FileRead", "{ws}/in/glob/key.pem", byPattern],
    twin: ["link-read", "{ws}/in/glob/f", "{ws}/in/glob/linked-f"],
  },
]);
