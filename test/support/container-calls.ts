// What a container of Docker's default settings may call, for a process without capabilities: an
// outer filter built from this stands in for the container. Calls not named fail with EPERM, clone3
// does not exist, clone makes no namespaces, a few personalities and most socket families are free.

import {
  type Answer,
  anyBit,
  type CallRule,
  compileFilter,
} from "../../src/enforce/linux/filter/filter.ts";
import { syscallTable } from "../../src/enforce/linux/filter/syscall-table.ts";

const allowed = `
accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown
clock_adjtime clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range
creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2
epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync
fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex
futex_requeue futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid
geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom
getresgid getresuid getrlimit get_robust_list getrusage getsid getsockname getsockopt
get_thread_area gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1
inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents ioprio_get ioprio_set
io_setup io_submit kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown
lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise
map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock
mlock2 mlockall mmap mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink
mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep
newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free
pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv
process_vm_writev pselect6 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall
rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl
semget semop semtimedop sendfile sendmmsg sendmsg sendto setfsgid setfsuid setgid setgroups
setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list setsid
setsockopt set_thread_area set_tid_address setuid setxattr shmat shmctl shmdt shmget shutdown
sigaltstack signalfd signalfd4 socketpair splice stat statfs statx symlink symlinkat sync
sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timerfd_create
timerfd_gettime timerfd_settime timer_getoverrun timer_gettime timer_settime times tkill truncate
umask uname unlink unlinkat uretprobe utime utimensat utimes vfork vmsplice wait4 waitid write
writev modify_ldt
`
  .trim()
  .split(/\s+/);

const namespaceFlags = 0x7e020000;
const personalities = [0, 8, 0x20000, 0x20008, anyBit];
const refusedFamilies = [38, 40];
const refused: Answer = { errno: 1 };
const missing: Answer = { errno: 38 };

/** The filter as `struct sock_filter[]`. */
export function containerFilter(): Uint8Array {
  const table = syscallTable("x86_64");
  const rules = new Map<number, CallRule>();
  const set = (name: string, rule: CallRule) => {
    const number = table.numbers.get(name);
    if (number !== undefined) rules.set(number, rule);
  };
  for (const name of table.numbers.keys()) set(name, refused);
  for (const name of allowed) set(name, "allow");
  set("clone3", missing);
  set("clone", {
    argument: 0,
    mask: namespaceFlags,
    cases: [{ values: [0], rule: "allow" }],
    otherwise: refused,
  });
  set("personality", {
    argument: 0,
    mask: anyBit,
    cases: [{ values: personalities, rule: "allow" }],
    otherwise: refused,
  });
  set("socket", {
    argument: 0,
    mask: anyBit,
    cases: [{ values: refusedFamilies, rule: refused }],
    otherwise: "allow",
  });
  return compileFilter("x86_64", rules, { unknown: missing, hot: new Set() });
}

/** Nothing but namespaces is refused: a container or system that only forbids those. */
export function noNamespacesFilter(): Uint8Array {
  const table = syscallTable("x86_64");
  const rules = new Map<number, CallRule>();
  for (const number of table.numbers.values()) rules.set(number, "allow");
  const none = (mask: number): CallRule => ({
    argument: 0,
    mask,
    cases: [{ values: [0], rule: "allow" }],
    otherwise: refused,
  });
  rules.set(table.numbers.get("clone3") ?? -1, missing);
  rules.set(table.numbers.get("clone") ?? -1, none(namespaceFlags));
  rules.set(table.numbers.get("unshare") ?? -1, none(namespaceFlags | 0x80));
  return compileFilter("x86_64", rules, { unknown: missing, hot: new Set() });
}
