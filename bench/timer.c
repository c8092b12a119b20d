/*
 * The stopwatch of the benchmarks. It runs inside the box or bare, does one measured thing for
 * every line it reads, and answers each with one line "NANOSECONDS CPU-NANOSECONDS STATUS". The
 * caller holds several of these at once and asks them in turn, so that every pair of figures comes
 * from the same moment of the same machine.
 *
 *   timer run CMD...                  start CMD, its output to /dev/null, and wait for its end
 *   timer open COUNT DIRECTORY FILES  open and close DIRECTORY/0 .. DIRECTORY/FILES-1 in turn,
 *                                     COUNT times in all
 *   timer connect COUNT PORT          connect to 127.0.0.1 and close, COUNT times
 *   timer receive MEGABYTES PORT      ask a timer serve for that much and read it
 *   timer serve                       be the other side of both: prints its port, ends with its
 * input
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

static int connect_to(unsigned long port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect");
	return fd;
}

static void connect_many(unsigned long count, unsigned long port)
{
	for (unsigned long i = 0; i < count; i++)
		close(connect_to(port));
}

/* The request is HTTP because whoever stands between may want to know what passes. */
static void receive(unsigned long megabytes, unsigned long port)
{
	static char buffer[1 << 18];
	char request[128];
	int fd = connect_to(port);
	ssize_t got;
	int size = snprintf(request, sizeof(request),
			    "GET /%lu HTTP/1.0\r\nHost: 127.0.0.1:%lu\r\n\r\n", megabytes, port);

	if (write(fd, request, (size_t)size) != size)
		fail("write");
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		;
	if (got < 0)
		fail("read");
	close(fd);
}

static void serve_network(void (*deed)(unsigned long, unsigned long), char **arguments)
{
	unsigned long amount = strtoul(arguments[0], NULL, 10);
	unsigned long port = strtoul(arguments[1], NULL, 10);
	char line[64];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		uint64_t start = now_ns();

		deed(amount, port);
		printf("%llu 0 0\n", (unsigned long long)(now_ns() - start));
		fflush(stdout);
	}
}

/* One connection at a time, as the clients come. */
static void answer(int fd)
{
	static char buffer[1 << 18] = "HTTP/1.0 200 OK\r\n\r\n";
	char request[256];
	ssize_t got = read(fd, request, sizeof(request) - 1);
	unsigned long pieces;

	if (got <= 0)
		return;
	request[got] = 0;
	pieces = strtoul(request + strlen("GET /"), NULL, 10) * 4;
	for (unsigned long i = 0; i < pieces; i++) {
		size_t at = 0;

		while (at < sizeof(buffer)) {
			ssize_t put = send(fd, buffer + at, sizeof(buffer) - at, MSG_NOSIGNAL);

			if (put <= 0)
				return;
			at += (size_t)put;
		}
	}
}

static void serve_others(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd waits[] = {{.fd = listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 512) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		fail("serve");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	while (poll(waits, 2, -1) > 0 && !waits[1].revents) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		answer(fd);
		close(fd);
	}
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
	if (argc == 4 && strcmp(argv[1], "connect") == 0) {
		serve_network(connect_many, argv + 2);
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "receive") == 0) {
		serve_network(receive, argv + 2);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "serve") == 0) {
		serve_others();
		return 0;
	}
	fprintf(stderr, "usage: timer run CMD... | open COUNT DIRECTORY FILES |\n"
			"  connect COUNT PORT | receive MEGABYTES PORT | serve\n");
	return 2;
}
