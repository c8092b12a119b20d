/*
 * The command is born in its cgroup by clone3, so there is no moment outside it, and the slow way
 * of moving a process is not taken but where containers hide that call: there it enters by itself,
 * before it is confined and long before it is the command. The broker is never in it: the kernel
 * must not pick it when memory runs out. Counter files are kept open, because they can be waited
 * for.
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/die.h"
#include "../../common/fd.h"
#include "../uapi.h"

int cgroup_open(struct cgroup *cgroup, const char *path)
{
	cgroup->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (cgroup->directory < 0)
		return -errno;
	cgroup->memory_events = openat(cgroup->directory, "memory.events", O_RDONLY | O_CLOEXEC);
	cgroup->processes_events = openat(cgroup->directory, "pids.events", O_RDONLY | O_CLOEXEC);
	cgroup->cpu_stat = openat(cgroup->directory, "cpu.stat", O_RDONLY | O_CLOEXEC);
	/* Now: later Landlock lets nobody open it. */
	cgroup->processes = openat(cgroup->directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	return 0;
}

/* The number behind `name` at the beginning of a line; 0 when there is none. */
static uint64_t number_of(int fd, const char *name)
{
	char text[1024];
	size_t length = strlen(name);
	ssize_t size = fd < 0 ? 0 : pread(fd, text, sizeof(text) - 1, 0);

	if (size <= 0)
		return 0;
	text[size] = 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) == 0 && line[length] == ' ')
			return strtoull(line + length + 1, NULL, 10);
	}
	return 0;
}

struct cgroup_counts cgroup_read(const struct cgroup *cgroup)
{
	return (struct cgroup_counts){
		.memory_kills = number_of(cgroup->memory_events, "oom_kill"),
		.processes_refused = number_of(cgroup->processes_events, "max"),
		.cpu_us = number_of(cgroup->cpu_stat, "usage_usec"),
	};
}

static pid_t clone_into(int directory)
{
	struct uapi_clone_args arguments = {
		.flags = AE_CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)directory,
	};

	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

pid_t cgroup_fork(const struct cgroup *cgroup)
{
	pid_t pid = clone_into(cgroup->directory);
	int error;

	if (pid >= 0 || errno != ENOSYS)
		return pid;
	pid = fork();
	if (pid != 0)
		return pid;
	/* 0 stands for whoever writes it. */
	error = fd_write_all(cgroup->processes, "0", 1);
	if (error < 0)
		die("limits", -error, "Cannot enter the cgroup");
	return 0;
}
