/*
 * Memory is read in steps that end at page ends: the string may lie at the very end of a mapping.
 * The first step is short because nearly every path is.
 */
#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "../../common/fd.h"
#include "../../common/number.h"
#include "../uapi.h"

enum { PAGE = 4096, FIRST_STEP = 256, NAME_MAX_SIZE = 48 };

/* /proc, so that the way there is not looked up for every caller. */
static int processes = -1;

int caller_init(void)
{
	processes = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return processes < 0 ? -errno : 0;
}

/* Such a name is made several times for every call; snprintf is slow. */
static void name_file(const struct caller *caller, const char *file, char name[NAME_MAX_SIZE])
{
	size_t at = number_write(name, (unsigned int)caller->tid);

	name[at] = '/';
	strncpy(name + at + 1, file, NAME_MAX_SIZE - at - 2);
	name[NAME_MAX_SIZE - 1] = 0;
}

int caller_open(const struct caller *caller, const char *file, int flags)
{
	char name[NAME_MAX_SIZE];
	int fd;

	name_file(caller, file, name);
	fd = openat(processes, name, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int caller_program(const struct caller *caller, struct stat *status)
{
	char name[NAME_MAX_SIZE];

	name_file(caller, "exe", name);
	return fstatat(processes, name, status, 0) < 0 ? -errno : 0;
}

bool caller_is_waiting(const struct caller *caller)
{
	uint64_t id = caller->id;

	return ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static ssize_t read_memory(pid_t tid, uint64_t address, void *data, size_t size)
{
	struct iovec local = {data, size};
	struct iovec remote = {(void *)(uintptr_t)address, size};
	ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);

	return got < 0 ? -errno : got;
}

int caller_read(const struct caller *caller, uint64_t address, void *data, size_t size)
{
	ssize_t got = read_memory(caller->tid, address, data, size);

	if (got < 0)
		return (int)got;
	return (size_t)got == size ? 0 : -EFAULT;
}

ssize_t caller_read_string(const struct caller *caller, uint64_t address, char *text, size_t max)
{
	size_t used = 0;

	while (used < max) {
		uint64_t at = address + used;
		size_t step = PAGE - at % PAGE;
		ssize_t got;
		char *end;

		if (used == 0 && step > FIRST_STEP)
			step = FIRST_STEP;
		if (step > max - used)
			step = max - used;
		got = read_memory(caller->tid, at, text + used, step);
		if (got <= 0)
			return got ? got : -EFAULT;
		end = memchr(text + used, 0, (size_t)got);
		if (end)
			return end - text;
		used += (size_t)got;
	}
	return -ENAMETOOLONG;
}

ssize_t caller_read_file(const struct caller *caller, const char *file, char *text, size_t size)
{
	ae_auto_fd int fd = caller_open(caller, file, O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return fd;
	got = fd_read(fd, text, size - 1);
	if (got >= 0)
		text[got] = 0;
	return got;
}

int caller_fd_flags(const struct caller *caller, int fd)
{
	char file[sizeof("fdinfo/") + NUMBER_SIZE] = "fdinfo/";
	char text[256];
	const char *at;

	if (fd < 0)
		return 0;
	number_write(file + strlen(file), (unsigned int)fd);
	if (caller_read_file(caller, file, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "flags:");
	return at ? (int)strtol(at + strlen("flags:"), NULL, 8) : 0;
}

/* The number behind `name` in its status; `base` as in strtol. */
static long read_status(const struct caller *caller, const char *name, int base)
{
	char text[4096];
	ssize_t size = caller_read_file(caller, "status", text, sizeof(text));
	const char *at;

	if (size < 0)
		return size;
	at = strstr(text, name);
	return at ? strtol(at + strlen(name), NULL, base) : -ENODATA;
}

int caller_terminal(const struct caller *caller)
{
	char text[1024];
	ssize_t size = caller_read_file(caller, "stat", text, sizeof(text));
	const char *end;
	int terminal;

	if (size < 0)
		return (int)size;
	/* The program's name in the second field may hold anything, so the last `)` counts. */
	end = strrchr(text, ')');
	if (!end || sscanf(end, ") %*c %*d %*d %*d %d", &terminal) != 1)
		return -ENODATA;
	return terminal;
}

/* A signal set in the text of its status. */
static uint64_t read_set(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

bool caller_has_signal(const struct caller *caller)
{
	const uint64_t stops = 1ull << (SIGSTOP - 1) | 1ull << (SIGTSTP - 1) |
			       1ull << (SIGTTIN - 1) | 1ull << (SIGTTOU - 1);
	char text[4096];
	uint64_t pending;
	uint64_t acted_on;

	if (caller_read_file(caller, "status", text, sizeof(text)) < 0)
		return false;
	pending = read_set(text, "\nSigPnd:");
	/* One for the whole process is this thread's when it has no other. */
	if (strstr(text, "\nThreads:\t1\n"))
		pending |= read_set(text, "\nShdPnd:");
	acted_on = read_set(text, "\nSigCgt:") | (stops & ~read_set(text, "\nSigIgn:"));
	return pending & acted_on & ~read_set(text, "\nSigBlk:");
}

pid_t caller_process(const struct caller *caller)
{
	return (pid_t)read_status(caller, "\nTgid:", 10);
}

int caller_umask(const struct caller *caller)
{
	return (int)read_status(caller, "\nUmask:", 8);
}

/* A pidfd names a thread only since 6.9, so older kernels are asked for the process; both share one
 * descriptor table. */
static int open_pidfd(const struct caller *caller)
{
	const unsigned int of_thread = O_EXCL;
	int fd = uapi_pidfd_open(caller->tid, of_thread);
	pid_t process;

	if (fd < 0 && errno == EINVAL)
		fd = uapi_pidfd_open(caller->tid, 0);
	if (fd >= 0 || errno != EINVAL)
		return fd < 0 ? -errno : fd;
	process = caller_process(caller);
	if (process < 0)
		return process;
	fd = uapi_pidfd_open(process, 0);
	return fd < 0 ? -errno : fd;
}

int caller_take_fd(const struct caller *caller, int fd)
{
	ae_auto_fd int pidfd = open_pidfd(caller);
	int taken;

	if (pidfd < 0)
		return pidfd;
	taken = uapi_pidfd_getfd(pidfd, fd);
	return taken < 0 ? -errno : taken;
}
