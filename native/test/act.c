/*
 * Does one thing in a box that no ordinary program does, and says what came of it: `ok`, the name
 * of an errno, or a number. The kernel tests of the helper run it; the list of things is at the
 * end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int act(char **arguments);

static int say(long result)
{
	if (result < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		puts("ok");
	return 0;
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* opens COUNT PATH */
static int act_opens(char **arguments)
{
	for (int i = number(arguments[0]); i > 0; i--) {
		int fd = open(arguments[1], O_RDONLY);

		if (fd < 0)
			return say(fd);
		close(fd);
	}
	return say(0);
}

static pthread_barrier_t barrier;

static void *open_at_once(void *path)
{
	int fd;

	pthread_barrier_wait(&barrier);
	fd = open(path, O_RDONLY);
	if (fd >= 0)
		close(fd);
	return (void *)(intptr_t)(fd < 0 ? errno : 0);
}

/* threads COUNT PATH: that many threads in open at the same time */
static int act_threads(char **arguments)
{
	int count = number(arguments[0]);
	static pthread_t threads[10000];
	pthread_attr_t attributes;
	int failed = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	pthread_barrier_init(&barrier, NULL, (unsigned)count);
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], &attributes, open_at_once, arguments[1]);
	for (int i = 0; i < count; i++) {
		void *error;

		pthread_join(threads[i], &error);
		failed += error != NULL;
	}
	printf("%d failed\n", failed);
	return 0;
}

/* forks COUNT PATH: that many children, each opens the file */
static int act_forks(char **arguments)
{
	int good = 0;
	int status;

	for (int i = number(arguments[0]); i > 0; i--) {
		if (fork() == 0)
			_exit(open(arguments[1], O_RDONLY) < 0);
	}
	while (wait(&status) > 0)
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	printf("%d good\n", good);
	return 0;
}

/* page-end PATH: the path ends where the next page cannot be read */
static int act_page_end(char **arguments)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *path = pages + 4096 - strlen(arguments[0]) - 1;

	mprotect(pages + 4096, 4096, PROT_NONE);
	strcpy(path, arguments[0]);
	return say(open(path, O_RDONLY));
}

/* page-cross PATH: the path lies across two pages */
static int act_page_cross(char **arguments)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *path = pages + 4096 - strlen(arguments[0]) / 2;

	strcpy(path, arguments[0]);
	return say(open(path, O_RDONLY));
}

/* bad-pointer */
static int act_bad_pointer(char **arguments)
{
	(void)arguments;
	return say(open((const char *)16, O_RDONLY));
}

/* long-path: longer than PATH_MAX */
static int act_long_path(char **arguments)
{
	static char path[5000];

	(void)arguments;
	memset(path, '/', sizeof(path) - 1);
	return say(open(path, O_RDONLY));
}

/* not-dumpable PATH: opens it while nobody may look into this process */
static int act_not_dumpable(char **arguments)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return say(open(arguments[0], O_RDONLY));
}

/* at DIRECTORY NAME: openat on a descriptor */
static int act_at(char **arguments)
{
	int directory = open(arguments[0], O_PATH | O_DIRECTORY);

	return say(openat(directory, arguments[1], O_RDONLY));
}

/* reopen PATH FLAGS: through /proc/self/fd */
static int act_reopen(char **arguments)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", open(arguments[0], O_PATH));
	return say(open(link, number(arguments[1]), 0600));
}

/* reopen-gone PATH: through /proc/self/fd, when the file has lost its name */
static int act_reopen_gone(char **arguments)
{
	char link[64];
	int fd = open(arguments[0], O_PATH);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (unlink(arguments[0]) < 0)
		return say(-1);
	return say(open(link, O_RDONLY));
}

/* reopen-memory: a memfd for reading */
static int act_reopen_memory(char **arguments)
{
	char link[64];

	(void)arguments;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", memfd_create("thing", 0));
	return say(open(link, O_RDONLY));
}

/* open PATH FLAGS MODE: says ok and whether the descriptor is closed on exec */
static int act_open(char **arguments)
{
	int fd = open(arguments[0], number(arguments[1]), (mode_t)strtol(arguments[2], NULL, 8));

	if (fd < 0)
		return say(fd);
	printf("ok %s\n", fcntl(fd, F_GETFD) & FD_CLOEXEC ? "cloexec" : "kept");
	return 0;
}

/* open2 PATH FLAGS RESOLVE: openat2 */
static int act_open2(char **arguments)
{
	struct open_how how = {
		.flags = (uint64_t)number(arguments[1]),
		.mode = number(arguments[1]) & O_CREAT ? 0640 : 0,
		.resolve = (uint64_t)number(arguments[2]),
	};

	return say(syscall(SYS_openat2, AT_FDCWD, arguments[0], &how, sizeof(how)));
}

/* tmpfile DIRECTORY NAME: an unnamed file that gets a name later */
static int act_tmpfile(char **arguments)
{
	char link[64];
	int fd = open(arguments[0], O_TMPFILE | O_WRONLY, 0600);

	if (fd < 0)
		return say(fd);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return say(linkat(AT_FDCWD, link, AT_FDCWD, arguments[1], AT_SYMLINK_FOLLOW));
}

/* no-room PATH: creates when no descriptor is left */
static int act_no_room(char **arguments)
{
	struct rlimit limit = {3, 3};

	setrlimit(RLIMIT_NOFILE, &limit);
	return say(open(arguments[0], O_CREAT | O_WRONLY, 0600));
}

static void ring(int signal)
{
	(void)signal;
}

/* alarm-fifo PATH RESTART: a FIFO nobody opens, and an alarm */
static int act_alarm_fifo(char **arguments)
{
	struct sigaction action = {.sa_handler = ring};
	int result;

	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	result = open(arguments[0], O_WRONLY | O_CREAT, 0600);
	return say(result);
}

/* sendmsg PORT: one datagram with its address in the message, in two pieces */
static int act_sendmsg(char **arguments)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)number(arguments[0]))};
	struct iovec pieces[] = {{"da", 2}, {"ta", 2}};
	struct mmsghdr messages[2] = {
		{.msg_hdr = {&to, sizeof(to), pieces, 2, NULL, 0, 0}},
		{.msg_hdr = {&to, sizeof(to), pieces, 2, NULL, 0, 0}},
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	say(sendmsg(fd, &messages[0].msg_hdr, 0) == 4 ? 0 : -1);
	say(sendmmsg(fd, messages, 2, 0) == 2 && messages[1].msg_len == 4 ? 0 : -1);
	return say(sendto(fd, "data", 4, 0, (struct sockaddr *)&to, sizeof(to)));
}

/* null-times PATH: utimensat on a descriptor without a path */
static int act_null_times(char **arguments)
{
	int fd = open(arguments[0], O_RDONLY);

	return say(syscall(SYS_utimensat, fd, NULL, NULL, 0));
}

/* link-fd PATH NAME: link of a descriptor by AT_EMPTY_PATH */
static int act_link_fd(char **arguments)
{
	int fd = open(arguments[0], O_RDONLY);

	return say(linkat(fd, "", AT_FDCWD, arguments[1], AT_EMPTY_PATH));
}

/* exchange PATH PATH: each gets the other's name */
static int act_exchange(char **arguments)
{
	return say(renameat2(AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], RENAME_EXCHANGE));
}

/* stop: stops its own process group like an editor on ^Z, then says that it goes on */
static int act_stop(char **arguments)
{
	(void)arguments;
	puts("stopping");
	fflush(stdout);
	kill(0, SIGTSTP);
	puts("going on");
	return 0;
}

static const struct {
	const char *name;
	int arguments;
	act *act;
} acts[] = {
	{"opens", 2, act_opens},
	{"threads", 2, act_threads},
	{"forks", 2, act_forks},
	{"page-end", 1, act_page_end},
	{"page-cross", 1, act_page_cross},
	{"bad-pointer", 0, act_bad_pointer},
	{"long-path", 0, act_long_path},
	{"not-dumpable", 1, act_not_dumpable},
	{"at", 2, act_at},
	{"reopen", 2, act_reopen},
	{"reopen-gone", 1, act_reopen_gone},
	{"reopen-memory", 0, act_reopen_memory},
	{"open", 3, act_open},
	{"open2", 3, act_open2},
	{"tmpfile", 2, act_tmpfile},
	{"no-room", 1, act_no_room},
	{"alarm-fifo", 1, act_alarm_fifo},
	{"sendmsg", 1, act_sendmsg},
	{"null-times", 1, act_null_times},
	{"link-fd", 2, act_link_fd},
	{"exchange", 2, act_exchange},
	{"stop", 0, act_stop},
};

int main(int count, char **arguments)
{
	for (size_t i = 0; count > 1 && i < sizeof(acts) / sizeof(*acts); i++) {
		if (!strcmp(acts[i].name, arguments[1]) && count >= acts[i].arguments + 2)
			return acts[i].act(arguments + 2);
	}
	fprintf(stderr, "act: cannot do that\n");
	return 2;
}
