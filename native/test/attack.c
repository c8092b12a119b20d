/*
 * What an attacker in a box would try: to change what has been judged, and to outlive the command.
 * Says what came of it. The kernel tests of the helper run it; the list of attacks is at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int attack(char **arguments);

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static char swapped[256];
static char allowed[256];
static char wanted[256];
static atomic_bool swapping = true;

/* The swap is a few bytes at the same length, as an attacker would do it. */
static void *swap(void *unused)
{
	size_t size = strlen(allowed) + 1;

	(void)unused;
	while (swapping) {
		memcpy(swapped, wanted, size);
		atomic_signal_fence(memory_order_seq_cst);
		memcpy(swapped, allowed, size);
		atomic_signal_fence(memory_order_seq_cst);
	}
	return NULL;
}

/* What came of the tries so far: the race is on when some were let through and some denied. */
static struct {
	int rounds;
	int passed;
	int denied;
} race;

static void count_try(int result)
{
	race.rounds++;
	race.passed += result >= 0;
	race.denied += result < 0 && errno == EACCES;
}

static bool goes_on(int rounds)
{
	enum { PATIENCE = 50 };

	return race.rounds < rounds ||
	       (!(race.passed && race.denied) && race.rounds < rounds * PATIENCE);
}

static void try_path(char **arguments)
{
	int fd;

	if (!strcmp(arguments[0], "open")) {
		fd = open(swapped, O_CREAT | O_WRONLY, 0600);
		count_try(fd);
		if (fd >= 0)
			close(fd);
		unlink(arguments[1]);
	} else if (!strcmp(arguments[0], "mkdir")) {
		count_try(mkdir(swapped, 0700));
		rmdir(arguments[1]);
	} else if (!strcmp(arguments[0], "symlink")) {
		count_try(symlink("x", swapped));
		unlink(arguments[1]);
	} else {
		mkdir(arguments[4], 0700);
		count_try(rename(arguments[4], swapped));
		rmdir(arguments[1]);
	}
}

/* A link that leads nowhere is there too. */
static bool is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

/* swap HOW ALLOWED WANTED ROUNDS [SOURCE]: the path is another one whenever somebody looks again */
static int attack_swap(char **arguments)
{
	pthread_t thread;

	snprintf(allowed, sizeof(allowed), "%s", arguments[1]);
	snprintf(wanted, sizeof(wanted), "%s", arguments[2]);
	memcpy(swapped, allowed, sizeof(swapped));
	pthread_create(&thread, NULL, swap, NULL);
	while (goes_on(number(arguments[3])) && !is_there(arguments[2]))
		try_path(arguments);
	swapping = false;
	pthread_join(thread, NULL);
	puts(is_there(arguments[2]) ? "there" : "not there");
	return 0;
}

/* swap-read ALLOWED WANTED ROUNDS: whether the wanted file's bytes, its own name, were ever read */
static int attack_swap_read(char **arguments)
{
	pthread_t thread;
	bool is_read = false;

	snprintf(allowed, sizeof(allowed), "%s", arguments[0]);
	snprintf(wanted, sizeof(wanted), "%s", arguments[1]);
	memcpy(swapped, allowed, sizeof(swapped));
	pthread_create(&thread, NULL, swap, NULL);
	while (goes_on(number(arguments[2])) && !is_read) {
		char content[256] = "";
		int fd = open(swapped, O_RDONLY);

		count_try(fd);
		if (fd < 0)
			continue;
		is_read = read(fd, content, sizeof(content) - 1) > 0 &&
			  !strcmp(content, strrchr(wanted, '/') + 1);
		close(fd);
	}
	swapping = false;
	pthread_join(thread, NULL);
	puts(is_read ? "there" : "not there");
	return 0;
}

static struct sockaddr_in sockets_swapped;
static in_port_t ports[2];

static void *swap_port(void *unused)
{
	(void)unused;
	while (swapping) {
		sockets_swapped.sin_port = ports[1];
		atomic_signal_fence(memory_order_seq_cst);
		sockets_swapped.sin_port = ports[0];
		atomic_signal_fence(memory_order_seq_cst);
	}
	return NULL;
}

/* swap-connect ALLOWED WANTED ROUNDS: how often a connection reached the wanted port */
static int attack_swap_connect(char **arguments)
{
	pthread_t thread;
	int reached = 0;

	ports[0] = htons((uint16_t)number(arguments[0]));
	ports[1] = htons((uint16_t)number(arguments[1]));
	sockets_swapped = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = ports[0]};
	sockets_swapped.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pthread_create(&thread, NULL, swap_port, NULL);
	while (goes_on(number(arguments[2]))) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		struct sockaddr_in peer;
		socklen_t size = sizeof(peer);

		count_try(
			connect(fd, (struct sockaddr *)&sockets_swapped, sizeof(sockets_swapped)));
		if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
			reached += peer.sin_port == ports[1];
		close(fd);
	}
	swapping = false;
	pthread_join(thread, NULL);
	printf("%d\n", reached);
	return 0;
}

/* daemon PATH: a grandchild in a session of its own that keeps writing into the file */
static int attack_daemon(char **arguments)
{
	int fd = open(arguments[0], O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fork() != 0)
		return 0;
	setsid();
	if (fork() != 0)
		_exit(0);
	close(0);
	close(1);
	close(2);
	for (;;) {
		if (write(fd, ".", 1) != 1)
			_exit(1);
		usleep(5000);
	}
}

/* fork-for-ever: children that fork and end, all the time */
static int attack_fork_for_ever(char **arguments)
{
	(void)arguments;
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			setsid();
			for (;;) {
				pid_t child = fork();

				/* The child goes on, the parent ends: always another pid. */
				if (child > 0)
					_exit(0);
				usleep(200);
			}
		}
	}
	return 0;
}

static const struct {
	const char *name;
	int arguments;
	attack *attack;
} attacks[] = {
	{"swap", 4, attack_swap},
	{"swap-read", 3, attack_swap_read},
	{"swap-connect", 3, attack_swap_connect},
	{"daemon", 1, attack_daemon},
	{"fork-for-ever", 0, attack_fork_for_ever},
};

int main(int count, char **arguments)
{
	for (size_t i = 0; count > 1 && i < sizeof(attacks) / sizeof(*attacks); i++) {
		if (!strcmp(attacks[i].name, arguments[1]) && count >= attacks[i].arguments + 2)
			return attacks[i].attack(arguments + 2);
	}
	fprintf(stderr, "attack: cannot do that\n");
	return 2;
}
