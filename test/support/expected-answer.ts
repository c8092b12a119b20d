// What a filter must answer, said a second time and differently: as a predicate over one call, from
// the sentences of docs/threat-model.md, not from the tables of src/enforce/linux. The property
// test compares the two.

import type { FilterPlan } from "../../src/enforce/linux/filter/seccomp.ts";
import { syscallTable } from "../../src/enforce/linux/filter/syscall-table.ts";
import type { SeccompData } from "./bpf-interpreter.ts";

export const answers = {
  allow: 0x7fff0000,
  notify: 0x7fc00000,
  kill: 0x80000000,
  eperm: 0x00050001,
  eacces: 0x0005000d,
  enosys: 0x00050026,
  noFastOpen: 0x0005005f,
  noFamily: 0x00050061,
} as const;

const tables = { x86_64: syscallTable("x86_64"), aarch64: syscallTable("aarch64") } as const;
const auditArch = { x86_64: 0xc000003e, aarch64: 0xc00000b7 } as const;

const neverCalled = new Set(
  `mount umount2 pivot_root open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr chroot setns
   ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp process_madvise memfd_secret
   keyctl add_key request_key bpf perf_event_open userfaultfd
   kexec_load kexec_file_load init_module finit_module delete_module create_module get_kernel_syms query_module
   swapon swapoff reboot acct quotactl quotactl_fd iopl ioperm modify_ldt lookup_dcookie vmsplice move_pages mbind
   migrate_pages clock_settime settimeofday adjtimex clock_adjtime sethostname setdomainname
   open_by_handle_at name_to_handle_at fanotify_init fanotify_mark syslog
   uselib nfsservctl sysfs _sysctl ustat vhangup`.split(/\s+/),
);
const makesNames = new Set(
  `creat mkdir mkdirat mknod mknodat link linkat symlink symlinkat rename renameat renameat2`.split(
    " ",
  ),
);
const changesNames = new Set(
  `unlink unlinkat rmdir truncate chmod fchmodat fchmodat2 chown lchown fchownat utime utimes futimesat utimensat
   setxattr lsetxattr removexattr lremovexattr`.split(/\s+/),
);

const changesDescriptors = new Set(["fchmod", "fchown", "fsetxattr", "fremovexattr"]);
/**
 * Of a file: its flags, its project and flags, its verity, encryption, generation, the order of its
 * blocks; how it is pinned; what FAT keeps of it.
 */
const changingRequests = [
  0x40086602, 0x401c5820, 0x40806685, 0x800c6613, 0x40087602, 0x40086604, 0x6609, 0x660c,
  0x4004f50d, 0x40047211,
];
/** Of btrfs: what takes bytes over from another file, and what only tells. */
const harmlessInTrees = [
  0x40049409, 0x4020940d, 0xc0189436, 0x8400941f, 0xd000941e, 0xc0109414, 0x80089419, 0x80189439,
  0x81009431, 0x81f8943c,
];
/** What the keys of a console mean, singly, as words, with accents, by number; its modes. */
const keyboardRequests = [0x4b47, 0x4b49, 0x4b4b, 0x4bfb, 0x4b4d, 0x4b45, 0x4b51, 0x4b3a];
/** Its owner, its urgent mark, when its last packet came, what it has not sent. */
const ofTheSocketItself = [
  0x8901, 0x8902, 0x8903, 0x8904, 0x8905, 0x8906, 0x8907, 0x80108906, 0x80108907, 0x894b,
];

/** The SECCOMP_RET_* value the filter of `plan` has to give for `call`. */
export function expectedAnswer(plan: FilterPlan, call: SeccompData): number {
  const answer = untoldAnswer(plan, call);
  // What is refused is told of, and then refused by whoever is told.
  return answer === answers.eperm && plan.notify.refused === true ? answers.notify : answer;
}

function untoldAnswer(plan: FilterPlan, call: SeccompData): number {
  if (call.arch !== auditArch[plan.arch]) return answers.kill;
  const name = tables[plan.arch].names.get(call.nr);
  if (name === undefined) return unnamed(plan, call.nr);
  const low = (index: number) => Number(BigInt.asUintN(32, call.args[index] ?? 0n));
  if (name.startsWith("io_uring")) return answers.eperm;
  if (plan.confine) {
    const confined = confinedAnswer(plan, call, { name, low });
    if (confined !== undefined) return confined;
  }
  return isHeardOf(plan, name, low, call.args[4] ?? 0n) ? answers.notify : answers.allow;
}

function unnamed(plan: FilterPlan, nr: number): number {
  const isX32 = plan.arch === "x86_64" && nr >= 0x40000000 && nr !== 0xffffffff;
  return isX32 ? answers.kill : answers.enosys;
}

function isHeardOf(
  plan: FilterPlan,
  name: string,
  low: (index: number) => number,
  pointer: bigint,
): boolean {
  const { notify } = plan;
  if (name === "execve" || name === "execveat") return notify.exec;
  if (name === "sendto")
    return notify.send && (notify.sendConnected === true || BigInt.asUintN(64, pointer) !== 0n);
  if (name === "sendmsg" || name === "sendmmsg") return notify.send;
  if (name === "write" || name === "writev")
    return notify.sendConnected === true && low(0) >>> 0 >= 512;
  if (name === "connect" || name === "bind" || name === "listen") return notify.socket;
  if (makesNames.has(name)) return notify.create;
  if (name === "truncate") return notify.change || notify.open !== "none";
  if (changesNames.has(name)) return notify.change;
  if (changesDescriptors.has(name)) return notify.descriptor;
  if (name === "openat2") return notify.open !== "none";
  if (name !== "open" && name !== "openat") return false;
  const flags = low(name === "open" ? 1 : 2);
  const creates = (flags & 0o100) !== 0 || (flags & 0o20000000) !== 0;
  const writes = creates || (flags & 3) !== 0 || (flags & 0o1000) !== 0;
  if (notify.open === "all") return true;
  return notify.open === "writes" && writes;
}

/** Undefined: whether the call is allowed or notified is not a matter of confinement. */
function confinedAnswer(
  plan: FilterPlan,
  call: SeccompData,
  { name, low }: { name: string; low: (index: number) => number },
): number | undefined {
  const hears = Object.values(plan.notify).some((value) => value !== false && value !== "none");
  if (neverCalled.has(name)) return answers.eperm;
  switch (name) {
    case "clone3":
      return answers.enosys;
    case "clone":
      return (low(0) & 0x7e020000) === 0 ? undefined : answers.eperm;
    case "unshare":
      return (low(0) & 0x7e020080) === 0 ? undefined : answers.eperm;
    case "personality":
      return low(0) === 0 || low(0) === 0xffffffff ? undefined : answers.eperm;
    case "ioctl":
      return isClosedRequest(plan, low(1)) ? answers.eperm : undefined;
    case "fcntl":
      return low(1) === 1024 || low(1) === 1040 ? answers.eperm : undefined;
    case "prctl":
      if (low(0) === 35 || low(0) === 0x59616d61) return answers.eperm;
      return low(0) === 4 && low(1) !== 1 && hears ? answers.eperm : undefined;
    case "chmod":
    case "fchmod":
    case "fchmodat":
    case "fchmodat2": {
      // Whether it is a folder nobody knows by the registers; where nobody can look it is no.
      const isSetId = (low(name.endsWith("chmod") ? 1 : 2) & 0o6000) !== 0;
      if (!isSetId) return undefined;
      return isHeardAtAll(plan) ? answers.notify : answers.eperm;
    }
    case "creat":
      return (low(1) & 0o6000) !== 0 && !plan.notify.create ? answers.eperm : undefined;
    case "open":
    case "openat": {
      const at = name === "open" ? 1 : 2;
      const makes = (low(at) & 0o20000100) !== 0 && plan.notify.open === "none";
      return makes && (low(at + 1) & 0o6000) !== 0 ? answers.eperm : undefined;
    }
    case "openat2":
      return isHeardAtAll(plan) ? answers.notify : answers.enosys;
    case "mknod":
    case "mknodat": {
      if ((low(name === "mknod" ? 1 : 2) & 0o6000) !== 0) return answers.eperm;
      const kind = (low(name === "mknod" ? 1 : 2) >> 12) & 0xf;
      return kind === 2 || kind === 6 ? answers.eperm : undefined;
    }
    case "renameat2":
      return (low(4) & 4) === 0 ? undefined : answers.eperm;
    case "memfd_create":
      return plan.sealMemfds && (low(1) & 8) === 0 ? answers.enosys : undefined;
    default:
      return sharedAnswer(plan, name, call) ?? socketAnswer(plan, name, low);
  }
}

function isHeardAtAll({ notify }: FilterPlan): boolean {
  const { open, create, change, descriptor, exec, socket, send } = notify;
  return open !== "none" || [create, change, descriptor, exec, socket, send].includes(true);
}

function isClosedRequest({ notify, sockets }: FilterPlan, request: number): boolean {
  const { inet, netlinkRoute } = sockets;
  const family = (request >>> 8) & 0xff;
  // Typing into a terminal, closing it, making another thing of it; trees made, copied and removed
  // through a folder that may be read.
  if ([0x5412, 0x541c, 0x540c, 0x5423, 0x40186f04].includes(request)) return true;
  if (family === 0xbc || keyboardRequests.includes(request)) return true;
  if (family === 0x94) return !harmlessInTrees.includes(request);
  if (notify.descriptor && changingRequests.includes(request)) return true;
  // Interfaces may be seen by who reaches every address by itself.
  const seesThem = netlinkRoute && ["none", "tcp", "any", "own"].includes(inet);
  if (inet === "unrestricted" || seesThem || (family !== 0x89 && family !== 0x8b)) return false;
  return !ofTheSocketItself.includes(request);
}

/** What concerns processes and objects of others, where the box sees them. */
function sharedAnswer(plan: FilterPlan, name: string, call: SeccompData): number | undefined {
  const low = (index: number) => BigInt.asUintN(32, call.args[index] ?? 0n);
  if (
    plan.sharesIpc &&
    /^(shm(at|ctl|get)|sem(ctl|get|op|timedop)|msg(ctl|get|rcv|snd))$/.test(name)
  )
    return answers.enosys;
  const isOwnGroup = low(1) === 0n && low(0) === { setpriority: 1n, ioprio_set: 2n }[name];
  if (!plan.sharesProcesses) {
    const isSignal = name === "kill" && plan.sharesSignals && low(0) === 0n;
    return isOwnGroup || isSignal ? answers.eperm : undefined;
  }
  if (name === "prlimit64") {
    const sets = BigInt.asUintN(64, call.args[2] ?? 0n) !== 0n;
    return low(0) !== 0n && sets ? answers.eperm : undefined;
  }
  const process = { setpriority: 0n, ioprio_set: 1n }[name];
  if (process !== undefined) return low(0) === process && low(1) === 0n ? undefined : answers.eperm;
  return name.startsWith("sched_set") && low(0) !== 0n ? answers.eperm : undefined;
}

function socketAnswer(
  plan: FilterPlan,
  name: string,
  low: (index: number) => number,
): number | undefined {
  const { inet, fastOpen } = plan.sockets;
  const isTold = plan.notify.refused === true;
  if (inet === "unrestricted") return undefined;
  const flagsAt = { sendto: 3, sendmsg: 2, sendmmsg: 3 }[name];
  if (flagsAt !== undefined && !fastOpen && (low(flagsAt) & 0x20000000) !== 0) {
    return isTold ? answers.notify : answers.noFastOpen;
  }
  if (name === "setsockopt") {
    const options = { 0: [4], 41: [5, 6, 32, 57] }[low(1)];
    return inet !== "any" && inet !== "own" && options?.includes(low(2))
      ? answers.eperm
      : undefined;
  }
  if (name !== "socket" && name !== "socketpair") return undefined;
  const refused = refusedSocket(plan, name, [low(0), low(1) & 0xf, low(2)]);
  return refused !== undefined && isTold ? answers.notify : refused;
}

function refusedSocket(
  { sockets: { inet, netlinkRoute, unixDatagrams } }: FilterPlan,
  name: string,
  [family, type, protocol]: readonly [number, number, number],
): number | undefined {
  if (family === 1) {
    return unixDatagrams || type === 1 || type === 5 ? undefined : answers.eacces;
  }
  if (name === "socketpair") return answers.noFamily;
  if (family === 2 || family === 10) {
    const isTcp = type === 1 && [0, 6].includes(protocol);
    const isMptcp = type === 1 && protocol === 262;
    const isUdp = type === 2 && [0, 17].includes(protocol);
    const isPing = type === 2 && [1, 58].includes(protocol);
    const isUdpLite = type === 2 && protocol === 136;
    const granted: readonly boolean[] = {
      none: [],
      tcp: [isTcp],
      "tcp-udp": [isTcp, isUdp],
      "by-name": [isTcp, isUdp, isPing],
      own: [isTcp, isMptcp, isUdp, isUdpLite],
      any: [isTcp, isMptcp, isUdp, isUdpLite, isPing],
      unrestricted: [true],
    }[inet];
    return granted.includes(true) ? undefined : answers.eacces;
  }
  return family === 16 && netlinkRoute && protocol === 0 ? undefined : answers.noFamily;
}
