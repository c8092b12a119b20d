/* See ferry.h. The process ends with its one message. */
#include "ferry.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../common/exit.h"
#include "../../common/fd.h"
#include "../outside/outside_link.h"
#include "../uapi.h"

static _Noreturn void carry(const struct ferry *ferry, int broker, pid_t command)
{
	int listener;
	bool is_sent;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != command)
		_exit(AE_EXIT_FAILED);
	is_sent = fd_read(ferry->pipe[0], &listener, sizeof(listener)) == sizeof(listener) &&
		  link_send(broker, "", 1, &listener, 1) == 0;
	_exit(is_sent ? 0 : AE_EXIT_FAILED);
}

/* Without a signal at its end: the command must not find one it does not know of. */
int ferry_start(struct ferry *ferry, int broker)
{
	pid_t command = getpid();

	if (pipe2(ferry->pipe, O_CLOEXEC) < 0)
		return -errno;
	ferry->process = (pid_t)syscall(SYS_clone, CLONE_FILES, NULL, NULL, NULL, NULL);
	if (ferry->process == 0)
		carry(ferry, broker, command);
	return ferry->process < 0 ? -errno : 0;
}

int ferry_send(const struct ferry *ferry, int listener)
{
	int status;

	if (fd_write_all(ferry->pipe[1], &listener, sizeof(listener)) < 0)
		return -EPIPE;
	while (waitpid(ferry->process, &status, __WALL) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPIPE;
}

int ferry_receive(int link)
{
	struct link_fds fds;
	char byte;
	int error;

	do {
		error = link_receive(link, &byte, 1, &fds);
	} while (error == -EINTR);
	if (error != 0)
		return error;
	for (size_t i = 1; i < LINK_FDS_MAX; i++)
		fd_close_at(&fds.fd[i]);
	return fds.fd[0] < 0 ? -EPROTO : fds.fd[0];
}
