/*
 * A short list of calls: opening, passing descriptors on, waiting, and what is done to names and
 * objects for the box. No socket of its own, no process, no thread; an open makes a file only where
 * there is none (O_EXCL), and never one without a name. What is not listed is answered with EPERM.
 */
#include "lend_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "../confine/bpf.h"
#include "../uapi.h"

static const int calls[] = {
	SYS_read,
	SYS_write,
	SYS_close,
	SYS_ppoll,
#ifdef SYS_poll
	SYS_poll,
#endif
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_readlinkat,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_fstatfs,
	SYS_mmap,
	SYS_munmap,
	SYS_madvise,
	SYS_brk,
	SYS_futex,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_getpid,
	SYS_gettid,
	SYS_tgkill,
	SYS_exit,
	SYS_exit_group,
	/* What is done when a person said yes, in a folder that is held or to an object that is. */
	SYS_umask,
	SYS_mkdirat,
	SYS_mknodat,
	/* Of the box's own socket; there are no others to connect or to listen on. */
	SYS_bind,
	SYS_fchdir,
	SYS_chdir,
	SYS_symlinkat,
	SYS_linkat,
	SYS_unlinkat,
	SYS_renameat2,
	SYS_truncate,
	SYS_fchmodat,
	SYS_fchownat,
	SYS_utimensat,
	SYS_setxattr,
	SYS_removexattr,
};

/* O_CREAT with its companion, and the bit that O_TMPFILE has besides O_DIRECTORY. */
enum { CALLS = sizeof(calls) / sizeof(*calls), FIXED = 11, TEMPORARY = 020000000 };

int lend_confine(void)
{
	struct sock_filter steps[CALLS + FIXED];
	struct sock_fprog program = {.filter = steps};

	steps[program.len++] = BPF_LOAD(arch);
	steps[program.len++] = BPF_WHEN(BPF_JEQ, AE_AUDIT_ARCH, 1, 0);
	steps[program.len++] = BPF_GIVE(SECCOMP_RET_KILL_PROCESS);
	steps[program.len++] = BPF_LOAD(nr);
	for (size_t i = 0; i < CALLS; i++)
		steps[program.len++] =
			BPF_WHEN(BPF_JEQ, calls[i], (unsigned char)(CALLS - i - 1 + 6), 0);
	steps[program.len++] = BPF_WHEN(BPF_JEQ, SYS_openat, 0, 4);
	/* Flags are an int: the upper half does not count. */
	steps[program.len++] = BPF_LOAD(args[2]);
	steps[program.len++] = BPF_WHEN(BPF_JSET, TEMPORARY, 2, 0);
	steps[program.len++] = BPF_WHEN(BPF_JSET, O_CREAT, 0, 2);
	steps[program.len++] = BPF_WHEN(BPF_JSET, O_EXCL, 1, 0);
	steps[program.len++] = BPF_GIVE(SECCOMP_RET_ERRNO | EPERM);
	steps[program.len++] = BPF_GIVE(SECCOMP_RET_ALLOW);
	return uapi_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
