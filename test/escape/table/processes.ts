// Class F: other processes.

import { type Leaves, type Left, type NoRow, refusedCall, unlessAround } from "../left.ts";
import { rows } from "../row.ts";

const seesOnly = "without a pid namespace other processes can be seen";

/** What is refused about a process outside, where it can be named at all. */
function outside(shared: Left | NoRow, container = shared): Leaves {
  return { namespaces: "absent", shared, container };
}

export const processes = rows("F", [
  ...["kill", "kill-thread", "kill-pidfd", "kill-queue"].map((name) => ({
    name: `host-${name}`,
    technique: `signal a process outside (${name})`,
    words: [name, "{pid}"],
    leaves: outside("landlock"),
    twin: [name === "kill-thread" ? "kill-thread" : name, "self"],
  })),
  {
    name: "kill-init",
    technique: "signal pid 1",
    words: ["kill-init"],
    leaves: "landlock",
    twin: ["kill", "self"],
  },
  {
    name: "kill-ancestors",
    technique: "signal whoever started the box",
    words: ["kill-ancestors"],
    leaves: "landlock",
    twin: ["kill", "self"],
  },
  {
    name: "ptrace-host",
    technique: "trace a process outside",
    words: ["ptrace", "{pid}"],
    leaves: refusedCall("ptrace", "0x4206"),
    twin: ["kill", "self"],
  },
  {
    name: "ptrace-init",
    technique: "trace pid 1",
    words: ["ptrace", "1"],
    leaves: refusedCall("ptrace", "0x4206"),
    twin: ["kill", "self"],
  },
  {
    name: "ptrace-child",
    technique: "trace a child of one's own",
    words: ["ptrace-child"],
    leaves: refusedCall("ptrace", "0x10"),
    twin: ["kill", "self"],
  },
  {
    name: "traceme",
    technique: "let oneself be traced",
    words: ["traceme"],
    leaves: refusedCall("ptrace", "0x0"),
    twin: ["kill", "self"],
  },
  {
    name: "vm-read-host",
    technique: "process_vm_readv of a process outside",
    words: ["vm-read", "{pid}"],
    leaves: refusedCall("process_vm_readv"),
    twin: ["kill", "self"],
  },
  {
    name: "vm-read-init",
    technique: "process_vm_readv of pid 1",
    words: ["vm-read", "1"],
    leaves: refusedCall("process_vm_readv"),
    twin: ["kill", "self"],
  },
  {
    name: "vm-read-sibling",
    technique: "process_vm_readv of another process of the box",
    words: ["vm-read-sibling"],
    leaves: refusedCall("process_vm_readv"),
    twin: ["kill", "self"],
  },
  {
    name: "vm-write-host",
    technique: "process_vm_writev into a process outside",
    words: ["vm-write", "{pid}"],
    leaves: refusedCall("process_vm_writev"),
    twin: ["kill", "self"],
  },
  {
    name: "steal-fd-host",
    technique: "pidfd_getfd from a process outside",
    words: ["steal-fd", "{pid}", "0"],
    leaves: outside(refusedCall("pidfd_getfd"), "around"),
    twin: ["kill-pidfd", "self"],
  },
  ...["0", "1", "3", "4", "5"].map((fd) => ({
    name: `steal-fd-init-${fd}`,
    technique: `pidfd_getfd of descriptor ${fd} from pid 1`,
    words: ["steal-fd", "1", fd],
    leaves: unlessAround("pidfd_getfd"),
    twin: ["kill-pidfd", "self"],
  })),
  {
    name: "kcmp",
    technique: "kcmp with a process outside",
    words: ["kcmp", "{pid}"],
    leaves: unlessAround("kcmp"),
    twin: ["kill", "self"],
  },
  {
    name: "madvise",
    technique: "process_madvise on a process outside",
    words: ["madvise", "{pid}"],
    leaves: outside(refusedCall("process_madvise"), "around"),
    twin: ["kill", "self"],
  },
  {
    name: "prlimit-host",
    technique: "set a limit of a process outside",
    words: ["prlimit", "{pid}"],
    leaves: outside(refusedCall("prlimit64")),
    twin: ["prlimit", "0"],
  },
  {
    name: "priority-host",
    technique: "set the priority of a process outside",
    words: ["priority", "{pid}"],
    leaves: outside(refusedCall("setpriority")),
    twin: ["priority", "0"],
  },
  ...["priority", "ioprio"].map((what, number) => ({
    name: `${what}-group`,
    technique: `set the ${what} of the process group it was started in`,
    words: [`${what}-of`, String(number + 1)],
    leaves: refusedCall(what === "priority" ? "setpriority" : "ioprio_set"),
    twin: [`${what}-of`, String(number)],
  })),
  {
    name: "affinity-host",
    technique: "choose the CPUs of a process outside",
    words: ["affinity", "{pid}"],
    leaves: outside(refusedCall("sched_setaffinity")),
    twin: ["affinity", "0"],
  },
  {
    name: "scheduler-host",
    technique: "choose the scheduler of a process outside",
    words: ["scheduler", "{pid}"],
    leaves: outside(refusedCall("sched_setscheduler")),
    twin: ["scheduler", "0"],
  },
  {
    name: "ioprio-host",
    technique: "set the I/O priority of a process outside",
    words: ["ioprio", "{pid}"],
    leaves: outside(refusedCall("ioprio_set")),
    twin: ["ioprio", "0"],
  },
  {
    name: "set-ptracer",
    technique: "invite a tracer by PR_SET_PTRACER",
    words: ["prctl", "0x59616d61", "-1"],
    leaves: refusedCall("prctl", "0x59616d61"),
    twin: ["prctl", "38", "1"],
  },
  {
    name: "not-dumpable",
    technique: "hide one's memory from the supervisor by PR_SET_DUMPABLE 0",
    words: ["prctl", "4", "0"],
    leaves: refusedCall("prctl", "0x4"),
    twin: ["prctl", "4", "1"],
  },
  {
    name: "set-mm",
    technique: "change what /proc shows of oneself by PR_SET_MM",
    words: ["prctl", "35", "13"],
    leaves: refusedCall("prctl", "0x23"),
    twin: ["prctl", "38", "1"],
  },
  {
    name: "second-listener",
    technique: "a listener of one's own",
    words: ["second-listener"],
    leaves: "kernel",
    twin: ["own-filter", "{ws}/in/host-root/f"],
  },
  {
    name: "own-filter",
    technique: "a filter of one's own that lets everything pass",
    words: ["own-filter", "{t}/f"],
    leaves: ["FileRead", "{t}/f"],
    twin: ["own-filter", "{ws}/in/host-root/f"],
  },
  {
    name: "see-host",
    technique: "see a process outside",
    words: ["stat", "/proc/{pid}/stat"],
    leaves: outside("landlock"),
    twin: ["stat", "/proc/self/stat"],
    weaker: seesOnly,
  },
]);
