// Class C: descriptors, /proc and devices.

import { type Leaves, type Left, type NoRow, refusedCall } from "../left.ts";
import { rows } from "../row.ts";

const ownPid = "self";
const devices = [
  "mem",
  "kmsg",
  "port",
  "fuse",
  "kvm",
  "uinput",
  "input/event0",
  "dri/card0",
  "net/tun",
  "loop-control",
  "loop0",
  "mapper/control",
  "vhost-vsock",
  "vhost-net",
  "vsock",
  "vda",
  "sda",
  "nvme0n1",
  "hpet",
  "rtc0",
  "cpu_dma_latency",
  "userfaultfd",
  "snapshot",
  "autofs",
  "tty0",
  "tty1",
  "ttyS0",
  "console",
  "vcs",
  "bus/usb",
  "snd/seq",
  "video0",
] as const;
const kernelFiles = [
  ["core-pattern", "/proc/sys/kernel/core_pattern"],
  ["modprobe", "/proc/sys/kernel/modprobe"],
  ["sysrq", "/proc/sysrq-trigger"],
  ["overcommit", "/proc/sys/vm/overcommit_memory"],
  ["ns-last-pid", "/proc/sys/kernel/ns_last_pid"],
  ["ip-forward", "/proc/sys/net/ipv4/ip_forward"],
  ["binfmt", "/proc/sys/fs/binfmt_misc/register"],
  ["uevent-helper", "/sys/kernel/uevent_helper"],
  ["power", "/sys/power/state"],
  ["hugepages", "/sys/kernel/mm/transparent_hugepage/enabled"],
  ["cgroup-procs", "/sys/fs/cgroup/cgroup.procs"],
  ["cgroup-limit", "/sys/fs/cgroup/cgroup.max.descendants"],
  ["security", "/sys/fs/selinux/enforce"],
  ["tracing", "/sys/kernel/tracing/tracing_on"],
] as const;
const secretKernelFiles = [
  ["kcore", "/proc/kcore"],
  ["kmsg", "/proc/kmsg"],
  ["kpagemap", "/proc/kpagecount"],
  ["kpageflags", "/proc/kpageflags"],
  ["slabinfo", "/proc/slabinfo"],
  ["vmallocinfo", "/proc/vmallocinfo"],
  ["trace", "/sys/kernel/tracing/trace"],
  ["debugfs", "/sys/kernel/debug/gpio"],
  ["efivars", "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"],
  ["dmi", "/sys/class/dmi/id/product_uuid"],
] as const;

/** Processes outside have no number in a pid namespace. */
function leavesOutside(shared: Left | NoRow): Leaves {
  return { namespaces: "absent", shared };
}

/** Without a pid namespace pid 1 is one outside. */
function leavesOfGuard(file: string): Leaves {
  const left: Left = ["FileRead", `/proc/1/${file}`];
  if (file === "root") return "landlock";
  return file === "mem" ? left : { namespaces: left, shared: "landlock" };
}

export const descriptors = rows("C", [
  {
    name: "inherited-folder",
    technique: "openat below a folder descriptor the starter left open",
    words: ["read-inherited-folder", "3", "second-name"],
    leaves: "absent",
    twin: ["read-dirfd", "{ws}/in/inherited-folder", "f"],
  },
  {
    name: "inherited-file",
    technique: "write to a descriptor the starter left open",
    words: ["write-inherited", "4"],
    leaves: "absent",
    twin: ["write-inherited", "2"],
    untouched: ["{out}/left-open"],
  },
  {
    name: "inherited-reopen",
    technique: "reopen such a descriptor through /dev/fd",
    words: ["dev-fd", "4"],
    leaves: "absent",
    twin: ["write", "{ws}/in/inherited-folder/f"],
    untouched: ["{out}/left-open"],
  },
  {
    name: "import-descriptor",
    technique: "an open file handed over by a program outside",
    words: ["import", "{sockets}/hand"],
    leaves: ["FileWrite", "{sockets}/hand"],
    twin: ["import", "{ws}/served/hand"],
  },
  ...["root", "cwd"].map((what) => ({
    name: `init-${what}`,
    technique: `read below /proc/1/${what}`,
    words: ["other-root", "1", "{out}/second-name"],
    leaves: ["FileRead", "{out}/second-name"] as const,
    twin: ["own-root", "{ws}/in/init-root/f"],
  })),
  {
    name: "host-root",
    technique: "read below /proc/PID/root of a process outside",
    words: ["other-root", "{pid}", "{out}/second-name"],
    leaves: ["FileRead", "{out}/second-name"],
    twin: ["own-root", "{ws}/in/host-root/f"],
  },
  ...["environ", "mem", "maps", "auxv", "syscall", "stack", "pagemap"].map((file) => ({
    name: `host-${file}`,
    technique: `read /proc/PID/${file} of a process outside`,
    words: ["proc-read", "{pid}", file],
    leaves: leavesOutside(file === "mem" ? ["FileRead", "/proc/{pid}/mem"] : "landlock"),
    twin: ["proc-read", ownPid, file === "mem" || file === "stack" ? "maps" : file],
  })),
  {
    name: "host-cmdline",
    technique: "read the command line of a process outside",
    words: ["proc-read", "{pid}", "cmdline"],
    leaves: leavesOutside("landlock"),
    twin: ["proc-read", ownPid, "cmdline"],
    weaker: "without a pid namespace other processes can be seen, not touched",
  },
  ...["exe", "cwd", "root", "fd/0", "ns/net"].map((link) => ({
    name: `host-link-${link.replace("/", "-")}`,
    technique: `read the link /proc/PID/${link} of a process outside`,
    words: ["proc-link", "{pid}", link],
    leaves: leavesOutside("landlock"),
    twin: ["proc-link", ownPid, link],
  })),
  ...["mem", "oom_score_adj", "comm", "clear_refs", "coredump_filter", "timerslack_ns"].map(
    (file) => ({
      name: `host-write-${file.replaceAll("_", "-")}`,
      technique: `open /proc/PID/${file} of a process outside for writing`,
      words: ["proc-write", "{pid}", file],
      leaves: ["FileWrite", `/proc/{pid}/${file}`] as const,
      twin: ["write", "{ws}/in/inherited-folder/f"],
    }),
  ),
  ...["environ", "mem", "maps", "root"].map((file) => ({
    name: `init-${file}-file`,
    technique: `read /proc/1/${file} of whoever guards the box`,
    words: file === "root" ? ["proc-link", "1", file] : ["proc-read", "1", file],
    leaves: leavesOfGuard(file),
    twin: ["proc-read", ownPid, "maps"],
  })),
  {
    name: "handle",
    technique: "take a handle of a forbidden file",
    words: ["handle", "{t}/f"],
    leaves: refusedCall("name_to_handle_at"),
    twin: ["stat", "{ws}/in/host-root/f"],
  },
  {
    name: "handle-open",
    technique: "open a forbidden file by its handle",
    words: ["handle-open", "{t}/f"],
    leaves: ["DirList", "/"],
    twin: ["read", "{ws}/in/host-root/f"],
  },
  ...kernelFiles.map(([name, path]) => ({
    name: `kernel-write-${name}`,
    technique: `open ${path} for writing`,
    words: ["open-write", path],
    leaves: ["FileWrite", path] as const,
    twin: ["open-write", "/dev/null"],
    untouched: [],
  })),
  ...secretKernelFiles.map(([name, path]) => ({
    name: `kernel-read-${name}`,
    technique: `read ${path}`,
    words: ["open", path],
    leaves: ["FileRead", path] as const,
    twin: ["open", "/proc/self/status"],
  })),
  {
    name: "cgroup-mkdir",
    technique: "make a control group",
    words: ["mkdir", "/sys/fs/cgroup/aegis-escape"],
    leaves: ["DirCreate", "/sys/fs/cgroup/aegis-escape"],
    twin: ["mkdir", "{s}/new"],
    untouched: ["/sys/fs/cgroup/aegis-escape"],
  },
  {
    name: "shm",
    technique: "leave a file in /dev/shm that the host sees",
    words: ["create", "/dev/shm/aegis-escape-{key}"],
    twin: ["create", "{s}/new"],
    weaker: "without a mount namespace /dev/shm is the host's",
    wanted: "/dev/shm is private to the box; whether the host sees the file is what counts",
    untouched: ["/dev/shm/aegis-escape-{key}"],
  },
  {
    name: "tmp",
    technique: "leave a file in /tmp that the host sees",
    words: ["create", "/tmp/aegis-escape-{key}"],
    leaves: { shared: ["FileWrite", "/tmp/aegis-escape-{key}"] },
    twin: ["create", "{s}/new"],
    wanted: "/tmp is private to the box; whether the host sees the file is what counts",
    wantedOnly: "namespaces",
    untouched: ["/tmp/aegis-escape-{key}"],
  },
  ...devices.map((name) => ({
    name: `device-${name.replace("/", "-").toLowerCase()}`,
    technique: `open /dev/${name}`,
    words: ["open", `/dev/${name}`],
    leaves: ["FileRead", `/dev/${name}`] as const,
    twin: ["open", "/dev/null"],
  })),
]);
