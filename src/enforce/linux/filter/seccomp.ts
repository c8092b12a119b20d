// Decides what happens to every system call: refused, let through, or handed to the supervisor.
// Which calls belong to which group is in calls.ts, how the answer becomes a program in filter.ts,
// what a policy asks for in plan.ts.

import {
  type ArgumentIndex,
  except,
  noFastOpen,
  only,
  refused,
  unknown,
  unless,
  whenPointer,
} from "./call-rule.ts";
import {
  descriptorCalls,
  hotCalls,
  pathCalls,
  refusedCalls,
  socketCalls,
  systemVCalls,
} from "./calls.ts";
import { type Answer, anyBit, type CallRule, compileFilter } from "./filter.ts";
import { ioctlRule } from "./request-rules.ts";
import {
  hidesInterfaces,
  type SocketPolicy,
  socketAnswers,
  socketOptionRule,
  socketPairRule,
  socketRule,
} from "./socket-rules.ts";
import { type Arch, syscallTable } from "./syscall-table.ts";

export interface FilterPlan {
  readonly arch: Arch;
  /** False: only record, refuse nothing but what would leave the record blind. */
  readonly confine: boolean;
  readonly notify: NotifiedCalls;
  readonly sockets: SocketPolicy;
  /**
   * A program may not be executed from anonymous memory: memfds are made without the right to be
   * executed.
   */
  readonly sealMemfds: boolean;
  /** Without a pid namespace: calls that name a process may only mean the caller. */
  readonly sharesProcesses: boolean;
  /** No Landlock scope: its signals reach the process group it is in, and so others outside. */
  readonly sharesSignals: boolean;
  /** Without an ipc namespace: System V objects have no paths that could be judged. */
  readonly sharesIpc: boolean;
}

/** What the supervisor hears of. */
export interface NotifiedCalls {
  /** `writes`: those that write, truncate or create, and truncate() with them. */
  readonly open: "all" | "writes" | "none";
  readonly create: boolean;
  /** Calls that remove or change what a path names. */
  readonly change: boolean;
  /** The same through a descriptor, which may be open for reading only. */
  readonly descriptor: boolean;
  readonly exec: boolean;
  /** Whether something could be written, asked beforehand. */
  readonly writable?: boolean;
  readonly socket: boolean;
  /** umask(), and what makes a thread that has one to itself. */
  readonly umask?: boolean;
  /** chdir() and fchdir(), and the same. */
  readonly folder?: boolean;
  /** socket() itself, where the filter lets it through. */
  readonly makesSockets?: boolean;
  /** What it refuses: calls no box may make, sockets, and connecting by sending. */
  readonly refused?: boolean;
  /** Datagrams sent to an address given with them. */
  readonly send: boolean;
  /** What is sent to the peer a socket is connected to as well. */
  readonly sendConnected?: boolean;
}

/** The filter as `struct sock_filter[]`. */
export function buildFilter(plan: FilterPlan): Uint8Array {
  const table = syscallTable(plan.arch);
  const rules = new Map<number, CallRule>();
  for (const number of table.numbers.values()) rules.set(number, "allow");
  for (const [name, rule] of callRules(plan)) {
    const number = table.numbers.get(name);
    if (number !== undefined) rules.set(number, rule);
  }
  const hot = new Set(hotCalls.flatMap((name) => table.numbers.get(name) ?? []));
  return compileFilter(plan.arch, rules, { unknown, hot });
}

/** True when the filter of `plan` hands any call to the supervisor. */
export function notifiesAny(notified: NotifiedCalls): boolean {
  const { open, create, change, descriptor, exec, socket, send } = notified;
  return open !== "none" || create || change || descriptor || exec || socket || send;
}

function notified(asked: boolean): Answer {
  return asked ? "notify" : "allow";
}

function callRules(plan: FilterPlan): Map<string, CallRule> {
  const rules = new Map<string, CallRule>();
  const set = (names: readonly string[], rule: CallRule) => {
    for (const name of names) rules.set(name, rule);
  };
  const { notify } = plan;
  set(pathCalls.create, notified(notify.create));
  set([...pathCalls.remove, ...pathCalls.change], notified(notify.change));
  set(descriptorCalls, notified(notify.descriptor));
  set(pathCalls.exec, notified(notify.exec));
  set(socketCalls, notified(notify.socket));
  const wondering = notified(notify.writable === true);
  rules.set("access", unless(1, W_OK, "allow", wondering));
  set(["faccessat", "faccessat2"], unless(2, W_OK, "allow", wondering));
  rules.set("umask", notified(notify.umask === true));
  set(["chdir", "fchdir"], notified(notify.folder === true));
  rules.set("open", openRule(notify.open, 1));
  rules.set("openat", openRule(notify.open, 2));
  // The flags of openat2 lie in memory, where a filter cannot look.
  rules.set("openat2", notified(notify.open !== "none"));
  rules.set("truncate", notified(notify.open !== "none" || notify.change));
  const sending = notify.sendConnected === true ? "notify" : whenPointer(4, "notify");
  rules.set("sendto", notify.send ? sending : "allow");
  set(["sendmsg", "sendmmsg"], notified(notify.send));
  if (notify.sendConnected === true) set(["write", "writev"], highNumbers);
  // Requests in a ring are neither filtered nor notified: the record would have a hole.
  set(["io_uring_setup", "io_uring_enter", "io_uring_register"], refused);
  if (plan.confine) confine(plan, rules, set);
  if (notify.refused === true) for (const [name, rule] of rules) rules.set(name, toldOf(rule));
  return rules;
}

/** The supervisor hears of what is refused, and refuses it. */
function toldOf(rule: CallRule): CallRule {
  if (rule === refused) return "notify";
  if (typeof rule === "string" || "errno" in rule) return rule;
  const cases = rule.cases.map((entry) => ({ ...entry, rule: toldOf(entry.rule) }));
  return { ...rule, cases, otherwise: toldOf(rule.otherwise) };
}

function confine(
  plan: FilterPlan,
  rules: Map<string, CallRule>,
  set: (names: readonly string[], rule: CallRule) => void,
): void {
  set(refusedCalls, refused);
  // Its flags lie in memory; told that the call does not exist, libraries use clone, whose flags
  // can be seen.
  rules.set("clone3", unknown);
  const parting = notified(plan.notify.umask === true || plan.notify.folder === true);
  rules.set("clone", unless(0, cloneNamespaces, cloneRule(parting)));
  rules.set("unshare", unless(0, unshareNamespaces, unless(0, CLONE_FS, "allow", parting)));
  rules.set("personality", only(0, [0, personalityQuery], "allow"));
  const interfaces = hidesInterfaces(plan.sockets);
  rules.set("ioctl", ioctlRule({ changes: plan.notify.descriptor, interfaces }));
  rules.set("prctl", prctlRule(plan));
  rules.set("fcntl", except(1, leases, "allow"));
  for (const [name, argument] of [
    ["mknod", 1],
    ["mknodat", 2],
  ] as const) {
    const otherwise = rules.get(name) ?? "allow";
    const cases = [{ values: [S_IFCHR, S_IFBLK], rule: refused }];
    rules.set(name, { argument, mask: S_IFMT, cases, otherwise });
  }
  keepFromSettingIds(plan.notify, rules);
  // A whiteout is a device node by another name.
  rules.set("renameat2", unless(4, RENAME_WHITEOUT, rules.get("renameat2") ?? "allow"));
  if (plan.sharesProcesses) keepToSelf(rules);
  else keepToNamespace(rules, plan.sharesSignals);
  if (plan.sharesIpc) set(systemVCalls, unknown);
  if (plan.sealMemfds) {
    const sealed = [{ values: [MFD_NOEXEC_SEAL], rule: "allow" as const }];
    // "No such call" and not "refused": callers then take a temporary file, which the file rules
    // judge.
    rules.set("memfd_create", {
      argument: 1,
      mask: MFD_NOEXEC_SEAL,
      cases: sealed,
      otherwise: unknown,
    });
  }
  if (plan.sockets.inet === "unrestricted") return;
  const { makesSockets = false, refused: tells = false } = plan.notify;
  rules.set("socket", socketRule(plan.sockets, socketAnswers(notified(makesSockets), tells)));
  rules.set("socketpair", socketPairRule(plan.sockets, socketAnswers("allow", tells)));
  if (plan.sockets.inet !== "any" && plan.sockets.inet !== "own")
    rules.set("setsockopt", socketOptionRule);
  if (plan.sockets.fastOpen) return;
  for (const [name, argument] of [
    ["sendto", 3],
    ["sendmsg", 2],
    ["sendmmsg", 3],
  ] as const) {
    const tried = tells ? "notify" : noFastOpen;
    rules.set(name, unless(argument, MSG_FASTOPEN, rules.get(name) ?? "allow", tried));
  }
}

/**
 * A program with these bits gives whoever runs it, outside, the rights of its owner or group. What
 * makes a file is refused them; of a folder, which a mode may be for, they mean something else, so
 * the supervisor looks.
 */
function keepFromSettingIds(notify: NotifiedCalls, rules: Map<string, CallRule>): void {
  const judged = notifiesAny(notify) ? "notify" : refused;
  const modes = [
    ["chmod", 1, judged],
    ["fchmod", 1, judged],
    ["fchmodat", 2, judged],
    ["fchmodat2", 2, judged],
    ["creat", 1, notified(notify.create) === "notify" ? "notify" : refused],
    ["mknod", 1, refused],
    ["mknodat", 2, refused],
  ] as const;
  for (const [name, argument, otherwise] of modes)
    rules.set(name, unless(argument, setIds, rules.get(name) ?? "allow", otherwise));
  if (notify.open !== "none") return;
  // Its mode lies in memory: it is performed, or does not exist, and callers take openat.
  rules.set("openat2", notifiesAny(notify) ? "notify" : unknown);
  for (const [name, flags] of [
    ["open", 1],
    ["openat", 2],
  ] as const) {
    const made = unless(flags === 1 ? 2 : 3, setIds, "allow");
    const cases = [{ values: [0], rule: "allow" as const }];
    rules.set(name, { argument: flags, mask: O_CREAT | O_TMPFILE_OWN, cases, otherwise: made });
  }
}

/**
 * Limits, priorities and CPUs of any process of the same user can be set, and a limit can kill. A
 * thread that names itself by its number is refused too, as nobody here can tell it from others.
 */
function keepToSelf(rules: Map<string, CallRule>): void {
  const toSelf = (argument: ArgumentIndex) => only(argument, [0], "allow");
  for (const name of ["sched_setaffinity", "sched_setscheduler", "sched_setparam"])
    rules.set(name, toSelf(0));
  rules.set("sched_setattr", toSelf(0));
  // Groups and users have members outside, whichever is named.
  rules.set("setpriority", only(0, [priority.process], toSelf(1)));
  rules.set("ioprio_set", only(0, [ioPriority.process], toSelf(1)));
  // Without new limits it only reads.
  const reading = whenPointer(2, refused);
  rules.set("prlimit64", {
    argument: 0,
    mask: anyBit,
    cases: [{ values: [0], rule: "allow" }],
    otherwise: reading,
  });
}

/**
 * In a pid namespace processes outside have no number, but the command is in the process group it
 * was started in, and 0 means that.
 */
function keepToNamespace(rules: Map<string, CallRule>, sharesSignals: boolean): void {
  const groups = [
    ["setpriority", priority.group],
    ["ioprio_set", ioPriority.group],
  ] as const;
  for (const [name, group] of groups) {
    const cases = [{ values: [group], rule: except(1, [0], "allow") }];
    rules.set(name, { argument: 0, mask: anyBit, cases, otherwise: "allow" });
  }
  if (sharesSignals) rules.set("kill", except(0, [0], "allow"));
}

/** PRIO_* of setpriority. */
const priority = { process: 0, group: 1 } as const;
/** IOPRIO_WHO_*. */
const ioPriority = { process: 1, group: 2 } as const;

/** @param parting for a thread that shares no umask or current directory with its process */
function cloneRule(parting: Answer): CallRule {
  const cases = [{ values: [CLONE_THREAD], rule: parting }];
  return { argument: 0, mask: CLONE_THREAD | CLONE_FS, cases, otherwise: "allow" };
}

const accessMode = 0o3;
const W_OK = 2;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
/** The bit of O_TMPFILE that O_DIRECTORY does not have; the same on both architectures. */
const O_TMPFILE_OWN = 0o20000000;

/** Sockets the supervisor sends for have numbers from 512 on; what else is there is written on. */
const highNumbers: CallRule = {
  argument: 0,
  mask: 0xfffffe00,
  cases: [{ values: [0], rule: "allow" }],
  otherwise: "notify",
};

function openRule(open: NotifiedCalls["open"], argument: 1 | 2): CallRule {
  if (open === "none") return "allow";
  if (open === "all") return "notify";
  const mask = O_CREAT | O_TMPFILE_OWN | accessMode | O_TRUNC;
  return { argument, mask, cases: [{ values: [0], rule: "allow" }], otherwise: "notify" };
}

/**
 * CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET; CLONE_NEWTIME exists for unshare only, clone reads
 * it as a signal.
 */
const CLONE_FS = 0x200;
const CLONE_THREAD = 0x10000;
const cloneNamespaces = 0x7e020000;
const unshareNamespaces = cloneNamespaces | 0x80;
const personalityQuery = 0xffffffff;
const setIds = 0o6000;
const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const RENAME_WHITEOUT = 4;
const MFD_NOEXEC_SEAL = 8;
const MSG_FASTOPEN = 0x20000000;
/**
 * F_SETLEASE, F_SETDELEG: who may only read a file could hold up everybody who opens it, for the 45
 * seconds of fs.lease-break-time each time.
 */
const leases = [1024, 1040];

/**
 * - PR_SET_MM could point /proc/self/exe at another file: the record would name the wrong program.
 * - PR_SET_PTRACER invites a process to trace this one; in the box nobody can, and outside nobody
 *   should.
 * - PR_SET_DUMPABLE 0 would keep a supervisor without privileges from reading the arguments it has
 *   to judge.
 */
function prctlRule(plan: FilterPlan): CallRule {
  const PR_SET_DUMPABLE = 4;
  const PR_SET_MM = 35;
  const PR_SET_PTRACER = 0x59616d61;
  const cases: { values: number[]; rule: CallRule }[] = [
    { values: [PR_SET_MM, PR_SET_PTRACER], rule: refused },
  ];
  if (notifiesAny(plan.notify)) {
    cases.push({ values: [PR_SET_DUMPABLE], rule: only(1, [1], "allow") });
  }
  return { argument: 0, mask: anyBit, cases, otherwise: "allow" };
}
