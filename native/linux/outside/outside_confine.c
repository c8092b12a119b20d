/*
 * No file, no other process, no socket but internet ones, no TCP port but the gateway's. The list
 * of calls is what two C libraries need to run threads and sockets; whatever else is tried is
 * answered with EPERM.
 */
#include "outside_confine.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>

#include "../../common/fd.h"
#include "../confine/bpf.h"
#include "../confine/landlock.h"
#include "../uapi.h"

static const int calls[] = {
	SYS_read,
	SYS_write,
	SYS_close,
	SYS_ppoll,
#ifdef SYS_poll
	SYS_poll,
#endif
	SYS_connect,
	SYS_sendto,
	SYS_recvfrom,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_accept4,
	SYS_bind,
	SYS_listen,
	SYS_setsockopt,
	SYS_getsockname,
	SYS_getpeername,
	SYS_getsockopt,
	SYS_futex,
	SYS_mmap,
	SYS_munmap,
	SYS_mprotect,
	SYS_madvise,
	SYS_mremap,
	SYS_brk,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_gettid,
	SYS_getpid,
	SYS_tgkill,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_clock_gettime,
	SYS_getrandom,
	SYS_exit,
	SYS_exit_group,
};

enum { CALLS = sizeof(calls) / sizeof(*calls), FIXED = 15 };

static void add(struct sock_fprog *program, struct sock_filter step)
{
	program->filter[program->len++] = step;
}

static int filter_calls(void)
{
	const unsigned int refuse = SECCOMP_RET_ERRNO | EPERM;
	struct sock_filter steps[CALLS + FIXED];
	struct sock_fprog program = {.filter = steps};

	add(&program, BPF_LOAD(arch));
	add(&program, BPF_WHEN(BPF_JEQ, AE_AUDIT_ARCH, 1, 0));
	add(&program, BPF_GIVE(SECCOMP_RET_KILL_PROCESS));
	add(&program, BPF_LOAD(nr));
	for (size_t i = 0; i < CALLS; i++)
		add(&program, BPF_WHEN(BPF_JEQ, calls[i], (unsigned char)(CALLS - i + 9), 0));
	/* Threads, not processes; the flags of clone3 cannot be seen, so callers take clone. */
	add(&program, BPF_WHEN(BPF_JEQ, SYS_clone3, 0, 1));
	add(&program, BPF_GIVE(SECCOMP_RET_ERRNO | ENOSYS));
	add(&program, BPF_WHEN(BPF_JEQ, SYS_clone, 0, 2));
	add(&program, BPF_LOAD(args[0]));
	add(&program, BPF_WHEN(BPF_JSET, CLONE_THREAD, 5, 4));
	add(&program, BPF_WHEN(BPF_JEQ, SYS_socket, 0, 3));
	add(&program, BPF_LOAD(args[0]));
	add(&program, BPF_WHEN(BPF_JEQ, AF_INET, 2, 0));
	add(&program, BPF_WHEN(BPF_JEQ, AF_INET6, 1, 0));
	add(&program, BPF_GIVE(refuse));
	add(&program, BPF_GIVE(SECCOMP_RET_ALLOW));
	return uapi_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

int outside_confine(uint16_t port, bool serves)
{
	ae_auto_fd int ruleset = -1;
	int error;

	if (landlock_abi() > 0) {
		ruleset = landlock_build_outside(port, serves);
		error = ruleset < 0 ? ruleset : landlock_restrict(ruleset);
		if (error != 0)
			return error;
	}
	return filter_calls();
}
