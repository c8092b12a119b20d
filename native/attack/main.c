/*
 * aegis-attack: tries, from inside a box, what a box should stop, and says what came of each.
 *
 *   aegis-attack NAME ARGUMENT...    one technique
 *   aegis-attack batch [FROM [TO]]   many: a line of standard input, or of the file FROM, is an
 *                                    id, seconds, a name and arguments, separated by tabs
 *
 * Prints for each "ID worked|blocked|absent|killed|timeout NUMBER PID NOTE", and for a batch
 * "ready" before. PID is the technique's first process: those with a number from it to the next
 * technique's are its own. Every technique is bounded in time and memory, acts on nothing but what
 * its arguments name, and is harmless where it succeeds.
 */
#include "attack.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 8192, ARGUMENTS_MAX = 16, NOTE_SIZE = 160 };

static const struct attack *const groups[] = {
	attack_files,	       attack_links,	 attack_privileges, attack_processes,
	attack_execution,      attack_calls,	 attack_network,    attack_races,
	attack_races_of_calls, attack_resources, attack_proxy,	    attack_set_id,
};

/* Shared with the process of the technique, which may die of what it does. */
static struct report {
	bool done;
	int result;
	char note[NOTE_SIZE];
} * report;

void attack_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(report->note, sizeof(report->note), format, arguments);
	va_end(arguments);
}

int attack_opened(int fd)
{
	int error = attack_errno(fd);

	if (fd >= 0)
		close(fd);
	return error;
}

int attack_wait(pid_t child)
{
	int status = 0;

	if (child < 0)
		return errno;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
}

int attack_read_fd(int fd)
{
	char bytes[16];
	ssize_t got;
	int error;

	if (fd < 0)
		return errno;
	got = read(fd, bytes, sizeof(bytes));
	error = got < 0 ? errno : got == 0 ? ENODATA : 0;
	close(fd);
	return error;
}

int attack_write_fd(int fd)
{
	int error;

	if (fd < 0)
		return errno;
	error = attack_errno(write(fd, "x", 1));
	close(fd);
	return error;
}

static const struct attack *find(const char *name)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		for (const struct attack *attack = groups[i]; attack->name; attack++)
			if (!strcmp(attack->name, name))
				return attack;
	return NULL;
}

static void run_child(const struct attack *attack, char **arguments)
{
	/* No core file of a technique that dies, and nothing that fills a disk. */
	struct rlimit none = {0, 0};
	struct rlimit file = {64 << 20, 64 << 20};

	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_FSIZE, &file);
	setpgid(0, 0);
	errno = 0;
	report->result = attack->run(arguments);
	report->done = true;
	_exit(0);
}

/* False when it is still running at its end. */
static bool wait_until(pid_t child, int seconds, int *status)
{
	struct timespec pause = {0, 200 * 1000};
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		pid_t ended = waitpid(child, status, WNOHANG);

		if (ended == child || (ended < 0 && errno != EINTR))
			return true;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > seconds)
			return false;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 5 * 1000 * 1000)
			pause.tv_nsec *= 2;
	}
}

static void tell(const char *id, pid_t child, int status, bool in_time)
{
	const char *answer = "blocked";
	int number = 0;

	if (!in_time)
		answer = "timeout";
	else if (!report->done)
		answer = "killed";
	else if (report->result == 0)
		answer = "worked";
	else if (report->result == ABSENT)
		answer = "absent";
	else
		number = report->result;
	if (in_time && !report->done && WIFSIGNALED(status))
		number = WTERMSIG(status);
	printf("%s %s %d %d %s\n", id, answer, number, child, report->note);
	fflush(stdout);
}

static int try(const char *id, int seconds, char **words, int count)
{
	const struct attack *attack = count > 0 ? find(words[0]) : NULL;
	int status = 0;
	pid_t child;
	bool in_time;

	if (!attack || count - 1 < attack->arguments) {
		fprintf(stderr, "aegis-attack: cannot do %s\n", count > 0 ? words[0] : "");
		return 2;
	}
	memset(report, 0, sizeof(*report));
	child = fork();
	if (child == 0)
		run_child(attack, words + 1);
	if (child < 0) {
		printf("%s blocked %d 0 no process\n", id, errno);
		return 0;
	}
	in_time = wait_until(child, seconds, &status);
	kill(-child, SIGKILL);
	if (!in_time) {
		kill(child, SIGKILL);
		attack_wait(child);
	}
	tell(id, child, status, in_time);
	return 0;
}

static int batch(const char *from, const char *to)
{
	static char line[LINE_SIZE];

	if ((from && !freopen(from, "re", stdin)) || (to && !freopen(to, "we", stdout)))
		return 2;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		char *words[ARGUMENTS_MAX + 1] = {NULL};
		int count = 0;
		char *rest = line;

		line[strcspn(line, "\n")] = 0;
		while (rest && count < ARGUMENTS_MAX)
			words[count++] = strsep(&rest, "\t");
		if (count < 3 || try(words[0], atoi(words[1]), words + 2, count - 2) != 0)
			return 2;
	}
	return 0;
}

int main(int count, char **arguments)
{
	enum { SECONDS = 30 };

	if (count > 1 && !strcmp(arguments[1], "proof"))
		return PROOF;
	/* Started as a program that could give rights: says whether it did. */
	if (count > 1 && !strcmp(arguments[1], "gained"))
		return attack_gained();
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED)
		return 1;
	if (count > 1 && !strcmp(arguments[1], "batch"))
		return batch(count > 2 ? arguments[2] : NULL, count > 3 ? arguments[3] : NULL);
	return try(count > 1 ? arguments[1] : "", SECONDS, arguments + 1, count - 1);
}
