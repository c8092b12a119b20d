/*
 * A registration in an epoll set belongs to a pair of file and number, and goes with the file. The
 * new socket is added under the same number, which takes a table of descriptors in which that
 * number is free: a thread that has left ours makes one for the moment.
 */
#include "swap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "socket_options.h"

enum { PLACES_MAX = 64, FDINFO_MAX = 1 << 20 };

/* One registration, or one more number of the same socket (`epoll` is -1 then). */
struct place {
	int number;
	int epoll;
	struct epoll_event event;
};

struct places {
	pid_t tid;
	int number;
	ino_t inode;
	size_t count;
	struct place place[PLACES_MAX];
};

static int add_place(struct places *places, struct place place)
{
	if (places->count == PLACES_MAX)
		return -ENOSPC;
	places->place[places->count++] = place;
	return 0;
}

static ssize_t read_fdinfo(pid_t tid, int number, char **text)
{
	char path[64];
	ae_auto_fd int fd = -1;
	unsigned char *data;
	size_t size;
	int error;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)tid, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = fd_read_all(fd, FDINFO_MAX, &data, &size);
	if (error != 0)
		return error;
	*text = realloc(data, size + 1);
	if (!*text) {
		free(data);
		return -ENOMEM;
	}
	(*text)[size] = 0;
	return (ssize_t)size;
}

/* Notes every entry of the epoll set `number` that is our socket. */
static int look_into_set(struct places *places, int number)
{
	ae_auto_free char *text = NULL;
	ssize_t size = read_fdinfo(places->tid, number, &text);
	const char *line = text;
	int error = 0;

	if (size < 0)
		return (int)size;
	while (error == 0 && line && (line = strstr(line, "tfd:"))) {
		unsigned int events;
		unsigned long long data;
		unsigned long inode;
		long position;
		int at;

		if (sscanf(line, "tfd: %d events: %x data: %llx pos:%li ino:%lx", &at, &events,
			   &data, &position, &inode) == 5 &&
		    inode == places->inode)
			error = add_place(places,
					  (struct place){at, number, {events, {.u64 = data}}});
		line = strchr(line, '\n');
	}
	return error;
}

static int look_at(struct places *places, int directory, const char *name)
{
	char target[64];
	ssize_t size = readlinkat(directory, name, target, sizeof(target) - 1);
	unsigned long inode;
	int number = atoi(name);

	if (size <= 0)
		return 0;
	target[size] = 0;
	if (!strcmp(target, "anon_inode:[eventpoll]"))
		return look_into_set(places, number);
	if (sscanf(target, "socket:[%lu]", &inode) == 1 && inode == places->inode &&
	    number != places->number)
		return add_place(places, (struct place){.number = number, .epoll = -1});
	return 0;
}

static int find_places(struct places *places)
{
	char path[64];
	struct dirent *entry;
	int error = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)places->tid);
	directory = opendir(path);
	if (!directory)
		return -errno;
	while (error == 0 && (entry = readdir(directory)))
		error = look_at(places, dirfd(directory), entry->d_name);
	closedir(directory);
	return error;
}

static int closes_on_exec(pid_t tid, int number)
{
	ae_auto_free char *text = NULL;
	ssize_t size = read_fdinfo(tid, number, &text);
	const char *flags = size < 0 ? NULL : strstr(text, "flags:");

	return flags && (strtoul(flags + strlen("flags:"), NULL, 8) & O_CLOEXEC) ? O_CLOEXEC : 0;
}

static int put(const struct caller *caller, int number, int fresh)
{
	struct seccomp_notif_addfd addfd = {
		.id = caller->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fresh,
		.newfd = (uint32_t)number,
		.newfd_flags = (uint32_t)closes_on_exec(caller->tid, number),
	};

	return ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0 ? -errno : 0;
}

struct registration {
	const struct place *place;
	int epoll;
	int fresh;
	int error;
};

static void *enrol(void *argument)
{
	struct registration *registration = argument;
	const struct place *place = registration->place;
	struct epoll_event event = place->event;
	int epoll;
	int fresh;

	registration->error = 0;
	if (unshare(CLONE_FILES) < 0) {
		registration->error = -errno;
		return NULL;
	}
	/* From here on numbers are this thread's own, and end with it. */
	epoll = fcntl(registration->epoll, F_DUPFD_CLOEXEC, place->number + 1);
	fresh = fcntl(registration->fresh, F_DUPFD_CLOEXEC, place->number + 1);
	if (epoll < 0 || fresh < 0 || dup2(fresh, place->number) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, place->number, &event) < 0)
		registration->error = -errno;
	return NULL;
}

static int add_to_set(const struct caller *caller, const struct place *place, int fresh)
{
	ae_auto_fd int epoll = caller_take_fd(caller, place->epoll);
	struct registration registration = {.place = place, .epoll = epoll, .fresh = fresh};
	pthread_t thread;
	int error;

	if (epoll < 0)
		return epoll;
	error = pthread_create(&thread, NULL, enrol, &registration);
	if (error != 0)
		return -error;
	pthread_join(thread, NULL);
	/* Another thread of the caller was faster. */
	return registration.error == -EEXIST ? 0 : registration.error;
}

static int move_in(const struct caller *caller, const struct places *places, int fresh)
{
	int error = put(caller, places->number, fresh);

	for (size_t i = 0; error == 0 && i < places->count; i++) {
		if (places->place[i].epoll < 0)
			error = put(caller, places->place[i].number, fresh);
	}
	for (size_t i = 0; error == 0 && i < places->count; i++) {
		if (places->place[i].epoll >= 0)
			error = add_to_set(caller, &places->place[i], fresh);
	}
	return error;
}

int swap_socket(const struct caller *caller, int number, int old, int fresh)
{
	ae_auto_fd int owned = old;
	struct places places = {.tid = caller->tid, .number = number};
	struct stat status;
	int error;

	if (fstat(owned, &status) < 0)
		return -errno;
	places.inode = status.st_ino;
	error = find_places(&places);
	if (error == 0)
		error = socket_options_copy(owned, fresh);
	if (error == 0 && !caller_is_waiting(caller))
		error = -ESRCH;
	return error ? error : move_in(caller, &places, fresh);
}
