/*
 * A socket is known by its inode, which duplicates and children of the caller share. The broker's
 * duplicate would keep the socket alive after the caller has closed it, and a peer would wait for
 * the end of the connection: so it is closed as soon as the socket is connected or listens, when
 * there is nothing left to judge, and what remains is looked for in the box's processes once a
 * second. Whatever is not found here is a denial; nothing is guessed.
 */
#include "held.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../../common/fd.h"
#include "../../common/thread.h"
#include "../answer/broker.h"
#include "../limits/limit_hits.h"
#include "datagrams.h"
#include "held_places.h"

enum {
	HELD_MAX = PLACES_MAX,
	SETTLED_MAX = 1024,
	LOOK_MS = 1000,
	LOOKS = 2,
	STACK_SIZE = 64 * 1024
};

struct held {
	uint64_t inode; /* 0: free */
	int fd;
	/* Where it was last seen; number -1: nowhere yet. */
	pid_t tid;
	int number;
	/* Grows with every use; the smallest goes first. */
	uint64_t used;
	bool is_given;
};

/* What was given up because it is connected, or listens. */
struct settled {
	uint64_t inode;
	bool listens;
};

static struct {
	pthread_mutex_t lock;
	int events;
	int wake;
	size_t count;
	uint64_t uses;
	struct held sockets[HELD_MAX];
	size_t settled_next;
	struct settled settled[SETTLED_MAX];
	atomic_bool is_running;
} held = {.lock = PTHREAD_MUTEX_INITIALIZER, .events = -1, .wake = -1};

static struct held *find(uint64_t inode)
{
	for (size_t i = 0; i < HELD_MAX; i++) {
		if (held.sockets[i].inode == inode)
			return &held.sockets[i];
	}
	return NULL;
}

static void drop(struct held *socket)
{
	close(socket->fd);
	socket->inode = 0;
	held.count--;
}

static struct settled *find_settled(uint64_t inode)
{
	for (size_t i = 0; i < SETTLED_MAX; i++) {
		if (held.settled[i].inode == inode)
			return &held.settled[i];
	}
	return NULL;
}

/* A free place, made by giving up what was not used for longest when there is none. */
static struct held *make_room(void)
{
	struct held *oldest = &held.sockets[0];

	for (size_t i = 0; i < HELD_MAX; i++) {
		if (held.sockets[i].inode == 0)
			return &held.sockets[i];
		if (held.sockets[i].used < oldest->used)
			oldest = &held.sockets[i];
	}
	drop(oldest);
	return oldest;
}

/* Takes `fd` over. */
static void keep(uint64_t inode, int fd, pid_t tid)
{
	struct settled *earlier;
	struct held *room;

	pthread_mutex_lock(&held.lock);
	/* Numbers come back after a long time. */
	earlier = find_settled(inode);
	if (earlier)
		earlier->inode = 0;
	room = find(inode);
	if (room)
		drop(room);
	else
		room = make_room();
	*room = (struct held){inode, fd, tid, -1, ++held.uses, false};
	/* ignored: the counter is full only when the other thread is awake anyway */
	if (held.count++ == 0)
		(void)eventfd_write(held.wake, 1);
	pthread_mutex_unlock(&held.lock);
}

static void finish_making(uint64_t inode, bool is_given)
{
	struct held *socket;

	pthread_mutex_lock(&held.lock);
	socket = find(inode);
	if (socket && is_given)
		socket->is_given = true;
	else if (socket)
		drop(socket);
	pthread_mutex_unlock(&held.lock);
}

/* Of a socket that is written to for its caller, by its number: the filter lets others write. */
static int give_high(const struct caller *caller, int fd, bool close_on_exec)
{
	static pthread_mutex_t choosing = PTHREAD_MUTEX_INITIALIZER;
	int number;
	int answer;

	pthread_mutex_lock(&choosing);
	number = held_high_number(caller->tid);
	answer = number < 0 ? broker_give(caller, fd, close_on_exec)
			    : broker_give_at(caller, fd, number, close_on_exec);
	pthread_mutex_unlock(&choosing);
	return answer;
}

int held_make(struct request *request)
{
	const __u64 *arguments = request->data->args;
	int type = (int)arguments[1];
	ae_auto_fd int made = socket((int)arguments[0], type | SOCK_CLOEXEC, (int)arguments[2]);
	struct stat status;
	bool is_mute;
	int kept;
	int answer;

	if (made < 0 || fstat(made, &status) < 0)
		return errno;
	is_mute = request->rules->outside >= 0 && socket_protocol(made) == IPPROTO_UDP;
	if (is_mute && !datagram_mute(made))
		return EACCES;
	kept = fcntl(made, F_DUPFD_CLOEXEC, 3);
	if (kept < 0)
		return errno;
	keep(status.st_ino, kept, request->caller.tid);
	answer = is_mute ? give_high(&request->caller, fd_steal(&made), type & SOCK_CLOEXEC)
			 : broker_give(&request->caller, fd_steal(&made), type & SOCK_CLOEXEC);
	finish_making(status.st_ino, answer == ANSWER_SENT);
	limit_hits_open(&request->caller, answer);
	return answer;
}

static int take_known(uint64_t inode, const struct caller *caller, int number)
{
	const struct settled *settled;
	struct held *socket;
	int taken = -EACCES;

	pthread_mutex_lock(&held.lock);
	socket = find(inode);
	settled = find_settled(inode);
	if (socket) {
		socket->tid = caller->tid;
		socket->number = number;
		socket->used = ++held.uses;
		taken = fcntl(socket->fd, F_DUPFD_CLOEXEC, 3);
		if (taken < 0)
			taken = -errno;
	} else if (settled) {
		taken = settled->listens ? -EALREADY : -EISCONN;
	}
	pthread_mutex_unlock(&held.lock);
	return taken;
}

int held_take(const struct caller *caller, int fd)
{
	ae_auto_fd int numbers = held_numbers(caller->tid);
	char name[16];
	struct stat status;
	uint64_t inode;

	if (numbers < 0)
		return errno == ENOENT ? -ESRCH : -EACCES;
	snprintf(name, sizeof(name), "%d", fd);
	if (fd < 0 || fstatat(numbers, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return caller_is_waiting(caller) ? -EBADF : -ESRCH;
	inode = held_inode(numbers, name);
	if (!caller_is_waiting(caller))
		return -ESRCH;
	return inode ? take_known(inode, caller, fd) : -ENOTSOCK;
}

static int option(int socket, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(socket, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

static bool is_connected(int socket)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);

	return getpeername(socket, (struct sockaddr *)&peer, &size) == 0;
}

/* With the lock held. Datagrams choose their peer again and again. */
static void settle(struct held *socket)
{
	bool listens = option(socket->fd, SO_ACCEPTCONN) > 0;
	struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.u64 = socket->inode};
	int type = option(socket->fd, SO_TYPE);

	if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
		return;
	if (listens || is_connected(socket->fd)) {
		held.settled[held.settled_next++ % SETTLED_MAX] =
			(struct settled){socket->inode, listens};
		drop(socket);
		return;
	}
	/* It may be on its way. ignored: then it is found connected when it is looked at next */
	if (epoll_ctl(held.events, EPOLL_CTL_ADD, socket->fd, &event) < 0 && errno == EEXIST)
		(void)epoll_ctl(held.events, EPOLL_CTL_MOD, socket->fd, &event);
}

static void settle_inode(uint64_t inode)
{
	struct held *socket;

	pthread_mutex_lock(&held.lock);
	socket = find(inode);
	if (socket)
		settle(socket);
	pthread_mutex_unlock(&held.lock);
}

void held_settle(int socket)
{
	int error = errno;
	struct stat status;

	if (held.is_running && fstat(socket, &status) == 0)
		settle_inode(status.st_ino);
	errno = error;
}

static bool is_where_it_was(const struct held *socket)
{
	ae_auto_fd int numbers = socket->number < 0 ? -1 : held_numbers(socket->tid);
	char name[16];

	snprintf(name, sizeof(name), "%d", socket->number);
	return numbers >= 0 && held_inode(numbers, name) == socket->inode;
}

static void begin_look(struct look *look)
{
	look->count = 0;
	pthread_mutex_lock(&held.lock);
	for (size_t i = 0; i < HELD_MAX; i++) {
		const struct held *socket = &held.sockets[i];

		if (socket->inode == 0 || !socket->is_given || is_where_it_was(socket))
			continue;
		look->sockets[look->count].inode = socket->inode;
		look->sockets[look->count].used = socket->used;
		look->sockets[look->count++].is_found = false;
	}
	pthread_mutex_unlock(&held.lock);
}

static void end_look(const struct look *look)
{
	pthread_mutex_lock(&held.lock);
	for (size_t i = 0; i < look->count; i++) {
		struct held *socket = find(look->sockets[i].inode);

		if (!socket || socket->used != look->sockets[i].used)
			continue;
		/* The next look finds it at once. */
		socket->tid = look->sockets[i].tid;
		socket->number = look->sockets[i].number;
		if (!look->sockets[i].is_found)
			drop(socket);
	}
	pthread_mutex_unlock(&held.lock);
}

/* Twice, because one that changes hands meanwhile may be missed. */
void held_forget(void)
{
	ae_auto_free struct look *look = held.is_running ? malloc(sizeof(*look)) : NULL;

	if (!look)
		return;
	begin_look(look);
	for (int i = 0; i < LOOKS && look->count; i++) {
		if (!held_look(look))
			return;
	}
	end_look(look);
}

static bool is_empty(void)
{
	bool empty;

	pthread_mutex_lock(&held.lock);
	empty = held.count == 0;
	pthread_mutex_unlock(&held.lock);
	return empty;
}

static void *watch(void *unused)
{
	struct epoll_event event;
	eventfd_t count;

	(void)unused;
	for (;;) {
		int got = epoll_wait(held.events, &event, 1, is_empty() ? -1 : LOOK_MS);

		if (got == 0)
			held_forget();
		else if (got > 0 && event.data.u64 == 0)
			(void)eventfd_read(held.wake, &count);
		else if (got > 0)
			settle_inode(event.data.u64);
		else if (errno != EINTR)
			return NULL;
	}
}

int held_start(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	pthread_t thread;
	int error;

	held.events = epoll_create1(EPOLL_CLOEXEC);
	held.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (held.events < 0 || held.wake < 0 ||
	    epoll_ctl(held.events, EPOLL_CTL_ADD, held.wake, &event) < 0)
		return -errno;
	error = thread_start(watch, NULL, STACK_SIZE, &thread);
	held.is_running = error == 0;
	return error;
}
