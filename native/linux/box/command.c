/*
 * Everything that confines this process alone happens here, last of all the seccomp filter: from
 * then on only plain read and write are used, because a notified call before the broker answers
 * would wait for ever. Session, process group and terminal stay the caller's, so job control works
 * as if there were no box.
 */
#include "command.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../common/die.h"
#include "../../common/exit.h"
#include "../../common/fd.h"
#include "../confine/landlock.h"
#include "../confine/seccomp.h"
#include "../limits/limits.h"
#include "ferry.h"
#include "streams.h"

static void set_limits(const struct plan *plan)
{
	for (size_t i = 0; i < plan->rlimit_count; i++) {
		const struct plan_rlimit *wanted = &plan->rlimits[i];
		struct rlimit limit = {(rlim_t)wanted->soft, (rlim_t)wanted->hard};

		/* The resource is a number of the kernel's; some C libraries make it an enum. */
		if (setrlimit((int)wanted->resource, &limit) < 0)
			die("rlimit", errno, "Cannot set resource limit %u", wanted->resource);
	}
	limits_apply(plan);
	if (plan->has_umask)
		umask((mode_t)plan->umask);
}

static void confine(const struct plan *plan, const struct command_setup *setup, int *listener,
		    struct ferry *ferry)
{
	int error;

	if (setup->ruleset >= 0) {
		error = landlock_restrict(setup->ruleset);
		if (error != 0)
			die("landlock", -error, "Cannot confine the command");
	}
	if (plan->filter_size == 0)
		return;
	if (plan_makes_sockets(plan)) {
		error = ferry_start(ferry, setup->broker);
		if (error != 0)
			die("seccomp", -error, "Cannot hand the listener over");
	}
	*listener = seccomp_install(plan, plan->has_notify);
	if (*listener == -EBUSY)
		die("seccomp", EBUSY,
		    "Cannot listen to the command's system calls: an outer sandbox listens "
		    "already");
	if (*listener < 0)
		die("seccomp", -*listener, "Cannot install the system call filter");
	if (!plan->has_notify)
		*listener = -1;
}

/* One byte from the other side; its end means that the box is being torn down. */
static void await(int fd)
{
	char byte;

	if (fd_read(fd, &byte, 1) != 1)
		_exit(AE_EXIT_FAILED);
}

_Noreturn void command_run(const struct plan *plan, const struct command_setup *setup)
{
	struct ferry ferry;
	int listener = -1;
	int error;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		die("command", errno, "Cannot tie the command to its broker");
	if (chdir(plan->directory) < 0)
		die("directory", errno, "Cannot enter the directory \"%s\"", plan->directory);
	if (plan->namespaces & CLONE_NEWNS && (error = streams_enter()) != 0)
		die("command", -error, "Cannot enter the folder of a standard stream");
	set_limits(plan);
	confine(plan, setup, &listener, &ferry);
	if (fd_write_all(setup->broker, &listener, sizeof(listener)) < 0 ||
	    (plan_makes_sockets(plan) && ferry_send(&ferry, listener) != 0))
		_exit(AE_EXIT_FAILED);
	await(setup->broker);
	if (fd_write_all(setup->links->start, "", 1) < 0)
		_exit(AE_EXIT_FAILED);
	await(setup->links->start);
	sigprocmask(SIG_SETMASK, &setup->links->mask, NULL);
	execve(plan->program, plan->arguments, plan->environment);
	error = errno;
	/* ignored: without the broker there is nobody to tell */
	(void)fd_write_all(setup->broker, &error, sizeof(error));
	_exit(error == ENOENT ? AE_EXIT_NOT_FOUND : AE_EXIT_REFUSED);
}
