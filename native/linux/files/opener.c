/*
 * What exists is opened through the very object that was judged; what does not is made with O_EXCL
 * in the directory that was judged. Nothing is looked up a second time. Who opens
 * outside the box, when a person said yes, is the lender.
 */
#include "opener.h"

#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "../answer/jobs.h"
#include "../judge/resolve_name.h"

enum { MEMORY_MAJOR = 1, PTS_MAJOR = 136, PTS_MAJORS = 8 };

/* Of a file without a name O_EXCL says that it shall never get one. */
int opener_own_flags(uint64_t flags)
{
	uint64_t named = opener_is_temporary(flags) ? 0 : O_EXCL;

	return (int)(flags & ~(O_CREAT | O_NOFOLLOW | named)) | O_CLOEXEC | O_NOCTTY;
}

static int give(const struct request *request, int fd, uint64_t flags)
{
	return fd < 0 ? -fd : broker_give(&request->caller, fd, flags & O_CLOEXEC);
}

int opener_make(struct request *request, const struct opening *opening)
{
	const struct target *target = &request->first.at.target;
	const char *name = target->path + target->size;
	int answer = broker_confirm_umask(request);
	int fd;

	if (answer != 0)
		return answer;
	while (name[-1] != '/')
		name--;
	/* With O_EXCL no link is followed. The caller's own flag is there to be asked for. */
	fd = openat(target->fd, name,
		    opener_own_flags(opening->flags) | O_CREAT | O_EXCL |
			    (int)(opening->flags & O_NOFOLLOW),
		    opening->mode);
	if (fd < 0)
		return errno;
	answer = give(request, fd, opening->flags);
	/* The caller has no room for the descriptor: then the call should have made nothing. */
	if (answer > 0)
		unlinkat(target->fd, name, 0);
	return answer;
}

/* "/dev/tty" is the caller's controlling terminal, which need not be the broker's. -errno or
 * O_PATH. */
static int open_terminal(const struct request *request)
{
	const struct caller self = {.tid = getpid()};
	int theirs = caller_terminal(&request->caller);
	ae_auto_fd int fd = -1;
	struct stat status;
	char path[32];

	if (theirs <= 0)
		return theirs ? theirs : -ENXIO;
	if (theirs == caller_terminal(&self))
		fd = open("/dev/tty", O_PATH | O_CLOEXEC);
	if (fd >= 0)
		return fd_steal(&fd);
	snprintf(path, sizeof(path), "/dev/pts/%u",
		 (major((dev_t)theirs) - PTS_MAJOR) * 256 + minor((dev_t)theirs));
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0 || status.st_rdev != (dev_t)theirs)
		return -ENXIO;
	return fd_steal(&fd);
}

/* Anything but files and directories may make its opener wait, so a thread of its own opens it. */
static int open_special(struct request *request, const struct opening *opening)
{
	struct target *target = &request->first.at.target;
	struct job job = {
		.caller = request->caller,
		.fd = -1,
		.held = -1,
		.open_flags = opener_own_flags(opening->flags),
		.close_on_exec = opening->flags & O_CLOEXEC,
	};
	int error;

	if (S_ISCHR(target->mode) && target->special == makedev(5, 0))
		job.fd = open_terminal(request);
	else
		job.fd = fd_steal(&target->fd);
	if (job.fd < 0)
		return -job.fd;
	error = jobs_start(&job);
	return error ? error : ANSWER_SENT;
}

/*
 * Devices of memory, pseudo-terminals and their multiplexer open at once, and so does a pipe
 * without a name; whoever does not want to wait says so. A new thread for each would cost more than
 * all else.
 */
static bool may_wait(const struct target *target, uint64_t flags)
{
	unsigned int number = major(target->special);

	if (S_ISREG(target->mode) || S_ISDIR(target->mode))
		return false;
	if (S_ISCHR(target->mode))
		return number != MEMORY_MAJOR && target->special != makedev(5, 2) &&
		       (number < PTS_MAJOR || number >= PTS_MAJOR + PTS_MAJORS);
	if (S_ISFIFO(target->mode))
		return target->state == TARGET_EXISTS && !(flags & O_NONBLOCK) &&
		       (flags & O_ACCMODE) != O_RDWR;
	return true;
}

int opener_open(struct request *request, const struct opening *opening)
{
	struct target *target = &request->first.at.target;
	int answer = opener_is_temporary(opening->flags) ? broker_confirm_umask(request)
							 : broker_confirm(request);
	int fd;

	if (answer != 0)
		return answer;
	if (may_wait(target, opening->flags))
		return open_special(request, opening);
	fd = name_reopen(target->fd, opener_own_flags(opening->flags), opening->mode);
	if (fd >= 0 && S_ISFIFO(target->mode))
		return broker_give_alone(&request->caller, fd, opening->flags & O_CLOEXEC);
	return give(request, fd, opening->flags);
}
