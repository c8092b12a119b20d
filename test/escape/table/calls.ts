// Class G: system calls, by what arguments that make them fail harmlessly get as an answer.

import { refusedCall, unlessAround } from "../left.ts";
import { type Row, rows } from "../row.ts";

/** Reached when the kernel's own code answers, whatever it says to nonsense. */
const refusedCalls: readonly (readonly [name: string, ...words: string[]])[] = [
  ["bpf", "-1"],
  ["perf_event_open", "0", "0", "-1", "-1"],
  ["userfaultfd", "1"],
  ["keyctl", "0", "-3", "1"],
  ["add_key"],
  ["request_key"],
  ["kexec_load", "0", "0", "0", "0xffff"],
  ["kexec_file_load", "-1", "-1", "0", "0", "0xffff"],
  ["init_module"],
  ["finit_module", "-1"],
  ["delete_module", "0"],
  ["syslog", "10"],
  ["iopl", "0"],
  ["ioperm", "0", "0", "0"],
  ["modify_ldt", "0"],
  ["lookup_dcookie"],
  ["vmsplice", "-1"],
  ["move_pages", "0", "1"],
  ["migrate_pages", "0", "1"],
  ["mbind", "1"],
  ["clock_settime", "-1"],
  ["settimeofday", "1", "0"],
  ["clock_adjtime", "-1"],
  ["adjtimex", "1"],
  ["sethostname", "0", "-1"],
  ["setdomainname", "0", "-1"],
  ["reboot", "0"],
  ["swapon", "0", "-1"],
  ["swapoff", "0"],
  ["acct", "1"],
  ["quotactl", "-1"],
  ["quotactl_fd", "-1", "-1"],
  ["fanotify_init", "-1"],
  ["fanotify_mark", "-1"],
  ["memfd_secret", "0"],
  ["name_to_handle_at", "-1"],
  ["open_by_handle_at", "-1"],
  ["io_uring_enter", "-1"],
  ["io_uring_register", "-1"],
  ["process_vm_readv", "0"],
  ["process_madvise", "-1"],
  ["pidfd_getfd", "-1"],
  ["kcmp", "0"],
  ["ptrace", "-1"],
  ["setns", "-1"],
  ["vhangup"],
  ["nfsservctl"],
  ["uselib"],
  ["sysfs", "3"],
  ["ustat", "0", "0"],
  ["_sysctl"],
  ["create_module"],
  ["personality", "0x0040000"],
];
const newCalls = [
  ["setxattrat", 463],
  ["getxattrat", 464],
  ["listxattrat", 465],
  ["removexattrat", 466],
  ["open_tree_attr", 467],
  ["file_getattr", 468],
  ["file_setattr", 469],
  ["the next one", 470],
  ["one far away", 600],
  ["the last before x32", 0x3fffffff],
] as const;
/** What acts on names through a folder that is open for reading, whatever its file system is. */
const treeRequests = [
  ["snapshot", "copy a tree of btrfs, forbidden parts included", "0x50009401"],
  ["snapshot-2", "the same by the later request", "0x50009417"],
  ["subvolume", "make a tree of btrfs in a folder", "0x5000940e"],
  ["subvolume-2", "the same by the later request", "0x50009418"],
  ["remove-subvolume", "remove a tree of btrfs", "0x5000940f"],
  ["remove-subvolume-2", "the same by the later request", "0x5000943f"],
  ["subvolume-flags", "make a tree of btrfs read-only", "0x4008941a"],
  ["bcachefs-subvolume", "make a tree of bcachefs", "0x4020bc10"],
  ["ocfs2-reflink", "copy a file of OCFS2 by two names", "0x40186f04"],
] as const;
const call = (name: string): Pick<Row, "words"> => ({ words: ["call", `{sys:${name}}`] });
const reached = { twin: ["call", "{sys:getpid}"] };

/** What a container's own list lets through. */
const letByContainers: ReadonlySet<string> = new Set([
  "adjtimex",
  "clock_adjtime",
  "fanotify_mark",
  "memfd_secret",
  "modify_ldt",
  "name_to_handle_at",
  "process_vm_readv",
  "ptrace",
  "vmsplice",
]);

/** Of these the first number tells what they are for; setns says it by the second. */
function firstOf(name: string, word = "0"): string | undefined {
  if (name === "setns") return "0x0";
  const isTold = ["bpf", "keyctl", "personality", "ptrace"].includes(name);
  return isTold ? `0x${(Number(word) >>> 0).toString(16)}` : undefined;
}

export const calls = rows("G", [
  ...refusedCalls.map(([name, ...words]) => ({
    name: `call-${name.replaceAll("_", "-").replace(/^-/, "")}-reached`,
    technique: `reach ${name}`,
    words: [...call(name).words, ...words],
    leaves: (letByContainers.has(name) ? refusedCall : unlessAround)(name, firstOf(name, words[0])),
    ...reached,
  })),
  ...treeRequests.map(([name, technique, request]) => ({
    name: `request-${name}`,
    technique: `reach the request: ${technique}`,
    words: ["request", "{ws}", request],
    leaves: refusedCall("ioctl", request),
    // FICLONE, of every file system.
    twin: ["request", "{ws}", "0x40049409"],
  })),
  {
    name: "ring-open",
    technique: "open a forbidden file by io_uring",
    words: ["ring-open", "{t}/f"],
    leaves: unlessAround("io_uring_setup"),
    twin: ["read", "{ws}/in/host-root/f"],
  },
  {
    name: "ring-setup",
    technique: "make an io_uring",
    words: ["ring-setup"],
    leaves: unlessAround("io_uring_setup"),
    ...reached,
  },
  {
    name: "x32",
    technique: "a call of the x32 table",
    words: ["x32"],
    leaves: "filter",
    ...reached,
  },
  {
    name: "i386-getpid",
    technique: "a call of the 32-bit table",
    words: ["i386", "20"],
    leaves: "filter",
    ...reached,
  },
  {
    name: "i386-socketcall",
    technique: "a socket by the 32-bit socketcall",
    words: ["i386", "102", "1"],
    leaves: "filter",
    ...reached,
  },
  {
    name: "no-randomize",
    technique: "personality ADDR_NO_RANDOMIZE",
    words: ["call", "{sys:personality}", "0x0040000"],
    leaves: unlessAround("personality", "0x40000"),
    twin: ["call", "{sys:personality}", "0xffffffff"],
  },
  {
    name: "read-implies-exec",
    technique: "personality READ_IMPLIES_EXEC",
    words: ["call", "{sys:personality}", "0x0400000"],
    leaves: unlessAround("personality", "0x400000"),
    twin: ["call", "{sys:personality}", "0"],
  },
  ...newCalls.map(([name, number]) => ({
    name: `new-call-${number}`,
    technique: `a call newer than this program knows: ${name}`,
    words: ["unknown-call", String(number)],
    leaves: "filter" as const,
    ...reached,
  })),
]);
