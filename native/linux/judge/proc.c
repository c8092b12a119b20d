/*
 * The kernel asks of who opens a file of /proc whether he may look into the process it is about.
 * The broker may look into itself, which nobody else in the box may, and as everybody's ancestor it
 * may read memory where Yama would refuse it to a sibling. So its own files are handed out only as
 * far as they are open to everybody, and a process' memory only to that process.
 *
 * Another mount of procfs than the one at /proc may count processes differently: what needs such a
 * look is refused there.
 */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "resolve_name.h"

static struct {
	dev_t device;
	/* /proc/self/task: the numbers that mean the broker. */
	int own_tasks;
} proc = {.own_tasks = -1};

int proc_init(void)
{
	struct stat status;

	proc.own_tasks = open("/proc/self/task", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc.own_tasks < 0 || fstat(proc.own_tasks, &status) < 0)
		return -errno;
	proc.device = status.st_dev;
	return 0;
}

/* The process number in "/proc/NUMBER/rest", 0 when there is none; *rest is what follows it. */
static long process_in(const char *path, const char **rest)
{
	char *end;
	long number;

	*rest = "";
	if (strncmp(path, "/proc/", 6) != 0 || path[6] < '1' || path[6] > '9')
		return 0;
	number = strtol(path + 6, &end, 10);
	if (*end != '/' && *end != 0)
		return 0;
	*rest = end;
	return number;
}

static bool is_own(long process)
{
	char name[24];

	snprintf(name, sizeof(name), "%ld", process);
	return faccessat(proc.own_tasks, name, F_OK, 0) == 0;
}

bool proc_lets_follow(int fd)
{
	struct target target = {.fd = -1};
	struct stat status;
	const char *rest;
	long process;

	if (fstat(fd, &status) < 0 || status.st_dev != proc.device)
		return false;
	if (name_of(fd, &target) != 0)
		return false;
	process = process_in(target.path, &rest);
	return process > 0 && !is_own(process);
}

/* Below the directory of one process or of one of its threads. */
static const char *skip_thread(const char *rest)
{
	const char *after;

	if (strncmp(rest, "/task", 5) != 0)
		return rest;
	after = rest + 5;
	if (*after == '/')
		after += 1 + strspn(after + 1, "0123456789");
	return after;
}

/* What a process shows to everybody, whoever he is. */
static bool is_public(const char *rest)
{
	/* clang-format off */
	static const char *const names[] = {
		"", "/cgroup", "/cmdline", "/comm", "/limits", "/loginuid", "/mountinfo",
		"/mounts", "/oom_score", "/oom_score_adj", "/sched", "/schedstat", "/sessionid",
		"/stat", "/statm", "/status", "/wchan",
	};
	/* clang-format on */
	rest = skip_thread(rest);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(rest, names[i]))
			return true;
	}
	return false;
}

static bool is_other_procfs(const struct target *target)
{
	struct statfs system;

	return major(target->device) == 0 && fstatfs(target->fd, &system) == 0 &&
	       system.f_type == PROC_SUPER_MAGIC;
}

bool proc_lets_open(const struct caller *caller, const struct target *target)
{
	const char *rest;
	long process;

	if (target->device != proc.device)
		return !is_other_procfs(target);
	process = process_in(target->path, &rest);
	if (process == 0)
		return true;
	if (is_own(process))
		return is_public(rest);
	if (strcmp(skip_thread(rest), "/mem") != 0)
		return true;
	return process == caller->tid || process == caller_process(caller);
}
