/*
 * The stopwatch of the benchmarks. It runs inside the box or bare, does one measured thing for
 * every line it reads, and answers each with one line "NANOSECONDS CPU-NANOSECONDS STATUS". The
 * caller holds several of these at once and asks them in turn, so that every pair of figures comes
 * from the same moment of the same machine.
 *
 *   timer run CMD...                  start CMD, its output to /dev/null, and wait for its end
 *   timer open COUNT DIRECTORY FILES  open and close DIRECTORY/0 .. DIRECTORY/FILES-1 in turn,
 *                                     COUNT times in all
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "timer: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t ns_of(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

/* Processor time is that of the command and of every descendant it waited for. */
static int run(char **argv, const posix_spawn_file_actions_t *quiet, uint64_t *cpu)
{
	struct rusage usage;
	pid_t pid;
	int status;

	errno = posix_spawnp(&pid, argv[0], quiet, NULL, argv, environ);
	if (errno != 0)
		fail(argv[0]);
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			fail("wait4");
	*cpu = ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void serve_run(char **argv)
{
	posix_spawn_file_actions_t quiet;
	char line[64];

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (getenv("TIMER_SHOW_ERRORS") == NULL)
		posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		uint64_t start = now_ns();
		uint64_t cpu;
		int status = run(argv, &quiet, &cpu);

		printf("%llu %llu %d\n", (unsigned long long)(now_ns() - start),
		       (unsigned long long)cpu, status);
		fflush(stdout);
	}
}

static void serve_open(unsigned long count, const char *directory, unsigned long files)
{
	char(*paths)[256] = calloc(files, sizeof(*paths));
	char line[64];

	if (paths == NULL)
		fail("calloc");
	for (unsigned long i = 0; i < files; i++)
		snprintf(paths[i], sizeof(*paths), "%s/%lu", directory, i);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		uint64_t start = now_ns();

		for (unsigned long i = 0; i < count; i++) {
			int fd = open(paths[i % files], O_RDONLY | O_CLOEXEC);

			if (fd < 0)
				fail(paths[i % files]);
			close(fd);
		}
		printf("%llu 0 0\n", (unsigned long long)(now_ns() - start));
		fflush(stdout);
	}
	free(paths);
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "run") == 0) {
		serve_run(argv + 2);
		return 0;
	}
	if (argc == 5 && strcmp(argv[1], "open") == 0) {
		serve_open(strtoul(argv[2], NULL, 10), argv[3], strtoul(argv[4], NULL, 10));
		return 0;
	}
	fprintf(stderr, "usage: timer run CMD... | timer open COUNT DIRECTORY FILES\n");
	return 2;
}
