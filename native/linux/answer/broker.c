/*
 * The umask belongs to a thread's file system context, so the thread that performs calls leaves the
 * one it shares with the others and may then take on every caller's in turn. That keeps the kernel
 * in charge of what a umask means, default ACLs included.
 */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "../../common/fd.h"
#include "../files/contexts.h"

/* Of this thread: what it has, or why that is not known. */
enum { UNKNOWN = -1, SHARED = -2 };
static _Thread_local int own_umask = SHARED;

int broker_init_thread(void)
{
	/* What makes names is done under one lock, so that those that stay together take turns. */
	own_umask = unshare(CLONE_FS) < 0 ? SHARED : UNKNOWN;
	return own_umask == SHARED && errno != EPERM ? -errno : 0;
}

int broker_confirm(const struct request *request)
{
	return caller_is_waiting(&request->caller) ? 0 : ANSWER_NONE;
}

int broker_confirm_umask(const struct request *request)
{
	int mask = contexts_umask(&request->caller);

	if (mask < 0)
		return mask == -ESRCH || mask == -ENOENT ? ANSWER_NONE : EACCES;
	if (mask != own_umask)
		umask((mode_t)mask);
	if (own_umask != SHARED)
		own_umask = mask;
	return broker_confirm(request);
}

bool broker_reply(const struct caller *caller, int result)
{
	struct seccomp_notif_resp response = {
		.id = caller->id,
		.error = result < 0 ? result : 0,
		.val = result < 0 ? 0 : result,
	};

	return ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

bool broker_continue(const struct caller *caller)
{
	struct seccomp_notif_resp response = {
		.id = caller->id,
		.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	return ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

static int answer_of(int error)
{
	if (error == -ENOENT)
		return ANSWER_NONE;
	return error ? -error : ANSWER_SENT;
}

int broker_give_alone(const struct caller *caller, int fd, bool close_on_exec)
{
	struct seccomp_notif_addfd addfd = {
		.id = caller->id,
		.srcfd = (uint32_t)fd,
		.newfd_flags = close_on_exec ? O_CLOEXEC : 0,
	};
	struct seccomp_notif_resp response = {.id = caller->id};
	int given = ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd);
	int error = given < 0 ? -errno : 0;

	close(fd);
	response.val = given;
	if (error == 0 && ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0)
		error = -errno;
	return answer_of(error);
}

int broker_give_at(const struct caller *caller, int fd, int number, bool close_on_exec)
{
	struct seccomp_notif_addfd addfd = {
		.id = caller->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND | SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)number,
		.newfd_flags = close_on_exec ? O_CLOEXEC : 0,
	};

	if (ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0)
		return broker_give(caller, fd, close_on_exec);
	close(fd);
	return ANSWER_SENT;
}

int broker_give(const struct caller *caller, int fd, bool close_on_exec)
{
	ae_auto_fd int owned = fd;
	struct seccomp_notif_addfd addfd = {
		.id = caller->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)owned,
		.newfd_flags = close_on_exec ? O_CLOEXEC : 0,
	};
	int error = 0;

	if (ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0)
		error = -errno;
	/* Before 5.14 giving and answering are two steps. */
	if (error == -EINVAL)
		return broker_give_alone(caller, fd_steal(&owned), close_on_exec);
	return answer_of(error);
}
