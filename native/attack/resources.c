/* What a box may use up, each within a bound that a whole machine survives. */
#include "attack.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* COUNT: as many children at once; worked when there was no end of them before */
static int try_forks(char **a)
{
	int wanted = atoi(a[0]);
	int count = 0;
	int error = 0;

	while (count < wanted) {
		pid_t child = fork();

		if (child == 0) {
			alarm(20);
			for (;;)
				pause();
		}
		if (child < 0) {
			error = errno;
			break;
		}
		count++;
	}
	attack_note("%d processes", count);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return error;
}
/* MIB: touched, not only asked for */
static int try_memory(char **a)
{
	size_t wanted = strtoul(a[0], NULL, 10);

	for (size_t count = 0; count < wanted; count++) {
		char *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (block == MAP_FAILED) {
			attack_note("%zu MiB", count);
			return errno;
		}
		memset(block, 1, 1 << 20);
	}
	return 0;
}
static int try_descriptors(char **a)
{
	int wanted = atoi(a[0]);
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int count = 0; count < wanted; count++) {
		if (dup(1) < 0) {
			attack_note("%d descriptors", count);
			return errno;
		}
	}
	return 0;
}
/* RESOURCE: is there a bound at all? */
static int try_unlimited(char **a)
{
	struct rlimit limit;

	if (getrlimit(atoi(a[0]), &limit) < 0)
		return errno;
	return limit.rlim_cur == RLIM_INFINITY ? 0 : EDQUOT;
}
/* RESOURCE: back to no bound */
static int try_raise_limit(char **a)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	return attack_errno(setrlimit(atoi(a[0]), &limit));
}
/* PATH COUNT: refused opens, as fast as they come */
static int try_denials(char **a)
{
	int wanted = atoi(a[1]);

	for (int i = 0; i < wanted; i++)
		if (attack_opened(open(a[0], O_RDONLY)) == 0)
			return 0;
	attack_note("%d denials", wanted);
	return EACCES;
}
/* COUNT: different names, each refused */
static int try_many_denials(char **a)
{
	int wanted = atoi(a[1]);
	char name[4096];

	for (int i = 0; i < wanted; i++) {
		snprintf(name, sizeof(name), "%s/%d", a[0], i);
		if (attack_opened(open(name, O_WRONLY | O_CREAT, 0600)) == 0)
			return 0;
	}
	return EACCES;
}
/* PATH: whoever opens it, for whatever, waits then */
static int try_lease(char **a)
{
	int fd = open(a[0], O_RDONLY);
	int error;

	if (fd < 0)
		return errno;
	error = attack_errno(fcntl(fd, F_SETLEASE, F_WRLCK));
	close(fd);
	return error;
}

const struct attack attack_resources[] = {
	{"forks", 1, try_forks},
	{"memory", 1, try_memory},
	{"descriptors", 1, try_descriptors},
	{"unlimited", 1, try_unlimited},
	{"raise-limit", 1, try_raise_limit},
	{"denials", 2, try_denials},
	{"many-denials", 2, try_many_denials},
	{"lease", 1, try_lease},
	{NULL, 0, NULL},
};
