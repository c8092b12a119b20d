/* Races about what a call that changes, connects, executes or dies was asked for. */
#include "race.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What path-taking calls do to the wrong path: OPERATION is in race.a[2]. */
static void ask_change(void)
{
	const char *operation = race.a[2];
	struct stat before, after;
	int error;

	if (!strcmp(operation, "create")) {
		error = attack_opened(open(race.argument, O_WRONLY | O_CREAT, 0600));
	} else if (!strcmp(operation, "mkdir")) {
		error = attack_errno(mkdir(race.argument, 0700));
		rmdir(race.first);
	} else if (!strcmp(operation, "symlink")) {
		error = attack_errno(symlink("x", race.argument));
		unlink(race.first);
	} else if (!strcmp(operation, "rename")) {
		close(open(race.a[3], O_WRONLY | O_CREAT, 0600));
		error = attack_errno(rename(race.a[3], race.argument));
	} else if (!strcmp(operation, "link")) {
		error = attack_errno(link(race.a[3], race.argument));
		unlink(race.first);
	} else {
		bool is_unlink = !strcmp(operation, "unlink");

		if (lstat(race.second, &before) < 0)
			return;
		if (is_unlink) {
			close(open(race.first, O_WRONLY | O_CREAT, 0600));
			error = attack_errno(unlink(race.argument));
		} else if (!strcmp(operation, "truncate")) {
			error = attack_errno(truncate(race.argument, 1));
		} else {
			error = attack_errno(chmod(race.argument, 0604));
		}
		race_count(error);
		race.won += lstat(race.second, &after) < 0 || after.st_size != before.st_size ||
			    after.st_mode != before.st_mode;
		return;
	}
	race_count(error);
	race.won += race_is_there(race.second);
}
/* SECONDS ALLOWED FORBIDDEN OPERATION [SOURCE] */
static int race_change(char **a)
{
	race_begin(a);
	return race_hammer(race_swap_argument, ask_change);
}
/* SECONDS ALLOWED SECRET NAME: which file gets another name? */
static void ask_link_from(void)
{
	int error = attack_errno(link(race.argument, race.a[2]));

	if (error) {
		race_count(error);
		return;
	}
	race_count_fd(open(race.a[2], O_RDONLY));
	unlink(race.a[2]);
}
static int race_link(char **a)
{
	race_begin(a);
	return race_hammer(race_swap_argument, ask_link_from);
}

/* SECONDS ALLOWED FORBIDDEN: of two sockets, which one did the connection reach? */
static void ask_connect(void)
{
	struct sockaddr_un peer;
	socklen_t size = sizeof(peer);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	race_count(
		attack_errno(connect(fd, (struct sockaddr *)(void *)race.argument, sizeof(peer))));
	memset(&peer, 0, sizeof(peer));
	if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
		race.won += !strcmp(peer.sun_path, race.second + sizeof(sa_family_t));
	close(fd);
}
static void *swap_socket(void *unused)
{
	(void)unused;
	while (!race.over) {
		memcpy(race.argument, race.second, sizeof(struct sockaddr_un));
		atomic_signal_fence(memory_order_seq_cst);
		memcpy(race.argument, race.first, sizeof(struct sockaddr_un));
		atomic_signal_fence(memory_order_seq_cst);
	}
	return NULL;
}
static void *accept_all(void *server)
{
	for (;;) {
		int fd = accept(*(int *)server, NULL, NULL);

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}
static int race_unix(char **a)
{
	static int server;
	struct sockaddr_un here = {.sun_family = AF_UNIX};
	struct sockaddr_un there = {.sun_family = AF_UNIX};
	pthread_t thread;

	race_begin(a);
	snprintf(here.sun_path, sizeof(here.sun_path), "%s", a[1]);
	snprintf(there.sun_path, sizeof(there.sun_path), "%s", a[2]);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	if (server < 0 || bind(server, (struct sockaddr *)&here, sizeof(here)) < 0 ||
	    listen(server, 128) < 0)
		return errno;
	pthread_create(&thread, NULL, accept_all, &server);
	memcpy(race.first, &here, sizeof(here));
	memcpy(race.second, &there, sizeof(there));
	memcpy(race.argument, &here, sizeof(here));
	return race_hammer(swap_socket, ask_connect);
}

/* SECONDS ALLOWED FORBIDDEN: of two programs, which one ran? The forbidden one is a proof. */
static void ask_exec(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		char *words[] = {"race", "proof", NULL};

		execv(race.argument, words);
		_exit(errno == EACCES || errno == EPERM ? 3 : 4);
	}
	status = attack_wait(child);
	race_count(status == 0 ? 0 : status == 3 ? EACCES : ENOENT);
	race.won += status == PROOF;
}
static int race_exec(char **a)
{
	race_begin(a);
	return race_hammer(race_swap_argument, ask_exec);
}

/*
 * SECONDS ALLOWED SECRET: the asker dies at any moment of its call, and the next one, perhaps under
 * its number, has another path at the same address.
 */
static int race_pid(char **a)
{
	struct shared {
		unsigned long passed, refused, won;
	} *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	race_begin(a);
	while (race_goes_on()) {
		const char *path = race.tries % 2 ? race.second : race.first;
		pid_t child = fork();

		if (child == 0) {
			char bytes[6] = "";
			int fd;

			memcpy(race.argument, path, PATH_SIZE);
			fd = open(race.argument, O_RDONLY);
			if (fd < 0)
				__atomic_fetch_add(&shared->refused, 1, __ATOMIC_RELAXED);
			else
				__atomic_fetch_add(&shared->passed, 1, __ATOMIC_RELAXED);
			if (fd >= 0 && read(fd, bytes, 6) == 6 && !memcmp(bytes, "SECRET", 6))
				__atomic_fetch_add(&shared->won, 1, __ATOMIC_RELAXED);
			_exit(0);
		}
		/* From "before it asked" to "after it was answered". */
		for (volatile unsigned i = 0; i < (race.tries % 64) * 8000; i++)
			;
		kill(child, SIGKILL);
		attack_wait(child);
		race.tries++;
		race.won = shared->won;
	}
	race.passed = shared->passed;
	race.refused = shared->refused;
	return race_verdict();
}

const struct attack attack_races_of_calls[] = {
	{"race-change", 4, race_change}, {"race-link", 4, race_link}, {"race-unix", 3, race_unix},
	{"race-exec", 3, race_exec},	 {"race-pid", 3, race_pid},   {NULL, 0, NULL},
};
