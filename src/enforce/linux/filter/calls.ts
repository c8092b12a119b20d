// System calls by what they could do to a box or to its record. Names an architecture does not have
// are ignored, so one list serves all; a name no architecture has is a mistake that a test finds.

/**
 * Calls that act on names: each can be recorded, and those that make names can be performed by the
 * supervisor.
 */
export const pathCalls = {
  open: ["open", "openat", "openat2"],
  create: [
    "creat",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "symlink",
    "symlinkat",
  ],
  remove: ["rmdir", "unlink", "unlinkat"],
  change: [
    "chmod",
    "chown",
    "fchmodat",
    "fchmodat2",
    "fchownat",
    "futimesat",
    "lchown",
    "lremovexattr",
    "lsetxattr",
    "removexattr",
    "setxattr",
    "truncate",
    "utime",
    "utimensat",
    "utimes",
  ],
  exec: ["execve", "execveat"],
} as const;

/** Calls that change through a descriptor what may be open for reading only. */
export const descriptorCalls = ["fchmod", "fchown", "fremovexattr", "fsetxattr"] as const;

export const socketCalls = ["bind", "connect", "listen"] as const;

/**
 * Refused with EPERM. What they have in common: no program an agent starts needs them, and each is
 * a way out of the box, into another process, around the record, or into kernel code with a long
 * history of holes.
 */
export const refusedCalls = [
  // Another root, another mount table, another namespace: the box is made of these.
  "chroot",
  "fsconfig",
  "fsmount",
  "fsopen",
  "fspick",
  "mount",
  "mount_setattr",
  "move_mount",
  "open_tree",
  "pivot_root",
  "setns",
  "umount2",
  // The memory and descriptors of other processes, which in the box includes those of its
  // supervisor.
  "kcmp",
  "pidfd_getfd",
  "process_madvise",
  "process_vm_readv",
  "process_vm_writev",
  "ptrace",
  // Memory the supervisor cannot read a path argument from.
  "memfd_secret",
  // Files by handle instead of by name, and watching a whole file system.
  "fanotify_init",
  "fanotify_mark",
  "name_to_handle_at",
  "open_by_handle_at",
  // File and network access that no system call filter sees.
  "io_uring_enter",
  "io_uring_register",
  "io_uring_setup",
  // The user's keyrings are shared with everything outside the box.
  "add_key",
  "keyctl",
  "request_key",
  // Code in, or a close look at, the kernel.
  "bpf",
  "create_module",
  "delete_module",
  "finit_module",
  "get_kernel_syms",
  "init_module",
  "kexec_file_load",
  "kexec_load",
  "lookup_dcookie",
  "perf_event_open",
  "query_module",
  "syslog",
  "uselib",
  "userfaultfd",
  "vmsplice",
  // Pages of other processes and of other memory nodes.
  "mbind",
  "migrate_pages",
  "move_pages",
  // The machine as a whole: clocks, names, quotas, swap, power, I/O ports.
  "acct",
  "adjtimex",
  "clock_adjtime",
  "clock_settime",
  "ioperm",
  "iopl",
  "modify_ldt",
  "nfsservctl",
  "quotactl",
  "quotactl_fd",
  "reboot",
  "sethostname",
  "setdomainname",
  "settimeofday",
  "swapoff",
  "swapon",
  "sysfs",
  "_sysctl",
  "ustat",
  "vhangup",
] as const;

/** Memory, queues and semaphores that are named by numbers of the whole machine. */
export const systemVCalls = [
  "msgctl",
  "msgget",
  "msgrcv",
  "msgsnd",
  "semctl",
  "semget",
  "semop",
  "semtimedop",
  "shmat",
  "shmctl",
  "shmget",
] as const;

/** What programs call all the time; the filter reaches these first. */
export const hotCalls = [
  "brk",
  "clock_gettime",
  "clock_nanosleep",
  "close",
  "epoll_pwait",
  "epoll_wait",
  "fcntl",
  "fstat",
  "futex",
  "getdents64",
  "getpid",
  "getrandom",
  "gettid",
  "ioctl",
  "lseek",
  "lstat",
  "madvise",
  "mmap",
  "mprotect",
  "munmap",
  "newfstatat",
  "poll",
  "ppoll",
  "pread64",
  "pwrite64",
  "read",
  "readlink",
  "readlinkat",
  "readv",
  "recvfrom",
  "recvmsg",
  "rt_sigaction",
  "rt_sigprocmask",
  "sched_yield",
  "sendto",
  "stat",
  "statx",
  "write",
  "writev",
] as const;
