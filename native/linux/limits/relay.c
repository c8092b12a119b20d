/*
 * The supervisor reads a pipe and writes to where the stream led. It must never wait for a slow
 * reader, because it has limits to look after, and it must not make the stream non-blocking,
 * because others share it: so it asks first, and writes no more than a pipe with room takes. The
 * command waits as it would without a relay, once its pipe is full. Where both streams lead to the
 * same place there is one pipe, so that what is written stays in order.
 *
 * There are no threads: a process that has made a pid namespace for its children cannot have any.
 */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../common/fd.h"

/* Chunks passed on before something else gets a look. */
enum { TURN = 64 };

struct stream {
	/* -1: it has ended. */
	int from;
	int into;
	/* The command's end; the supervisor closes it once the box has it. */
	int end;
	/* Whoever reads is slow: waited for instead of the command. */
	bool is_blocked;
};

static struct {
	struct stream streams[2];
	size_t count;
	int events;
	uint64_t most;
	uint64_t seen;
} relay;

static bool is_same(int one, int other)
{
	struct stat first;
	struct stat second;

	return fstat(one, &first) == 0 && fstat(other, &second) == 0 &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static int watch(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};

	return epoll_ctl(relay.events, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void unwatch(int fd)
{
	/* ignored: one that could not be watched need not be taken out */
	(void)epoll_ctl(relay.events, EPOLL_CTL_DEL, fd, NULL);
}

static int open_stream(int fd)
{
	struct stream *stream = &relay.streams[relay.count];
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	stream->into = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (stream->into < 0)
		return -errno;
	stream->from = pair[0];
	stream->end = pair[1];
	relay.count++;
	return watch(stream->from, EPOLLIN);
}

int relay_open(uint64_t most, int events)
{
	int error;

	if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO))
		return -ENOTTY;
	relay.most = most;
	relay.events = events;
	error = open_stream(STDOUT_FILENO);
	if (error == 0 && !is_same(STDOUT_FILENO, STDERR_FILENO))
		error = open_stream(STDERR_FILENO);
	return error;
}

void relay_enter_box(void)
{
	for (size_t i = 0; i < relay.count; i++) {
		struct stream *stream = &relay.streams[i];

		dup2(stream->end, i == 0 ? STDOUT_FILENO : STDERR_FILENO);
		if (relay.count == 1)
			dup2(stream->end, STDERR_FILENO);
		fd_close_at(&stream->end);
		fd_close_at(&stream->from);
		fd_close_at(&stream->into);
	}
}

void relay_start(void)
{
	for (size_t i = 0; i < relay.count; i++)
		fd_close_at(&relay.streams[i].end);
}

static void end_stream(struct stream *stream)
{
	/* Without a reader the command is told as it would be: its next write fails. */
	fd_close_at(&stream->from);
	fd_close_at(&stream->into);
}

/* One chunk; false when there is nothing to pass on now. */
static bool pass_on(struct stream *stream)
{
	char bytes[PIPE_BUF];
	/* Not fd_read, which waits; no signal interrupts the supervisor. */
	ssize_t got = read(stream->from, bytes, sizeof(bytes));
	uint64_t left = relay.seen >= relay.most ? 0 : relay.most - relay.seen;

	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			end_stream(stream);
		return false;
	}
	relay.seen += (uint64_t)got;
	if (fd_write_all(stream->into, bytes, (uint64_t)got > left ? (size_t)left : (size_t)got) <
	    0) {
		end_stream(stream);
		return false;
	}
	return true;
}

static bool takes_more(int fd, int timeout)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	return poll(&wait, 1, timeout) > 0;
}

static void pump(struct stream *stream)
{
	for (int i = 0; i < TURN && stream->from >= 0; i++) {
		if (!takes_more(stream->into, 0)) {
			if (!stream->is_blocked && watch(stream->into, EPOLLOUT) == 0) {
				unwatch(stream->from);
				stream->is_blocked = true;
			}
			return;
		}
		if (stream->is_blocked) {
			unwatch(stream->into);
			/* ignored: it was watched before, so it can be watched again */
			(void)watch(stream->from, EPOLLIN);
			stream->is_blocked = false;
		}
		if (!pass_on(stream))
			return;
	}
}

void relay_pump(void)
{
	for (size_t i = 0; i < relay.count; i++)
		pump(&relay.streams[i]);
}

bool relay_is_full(void)
{
	return relay.count && relay.seen > relay.most;
}

uint64_t relay_seen(void)
{
	return relay.seen;
}

void relay_finish(void)
{
	for (size_t i = 0; i < relay.count; i++) {
		struct stream *stream = &relay.streams[i];

		while (stream->from >= 0 && takes_more(stream->into, -1) && pass_on(stream))
			;
	}
}
