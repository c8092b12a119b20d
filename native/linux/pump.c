/*
 * The bytes stay in the kernel: nothing of them is ever read here. Both sockets are shared with the
 * gateway, which waits, so they do not block and their faults are left for it where that is
 * possible: a fault that was taken here is named in the report.
 */
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOURCE = STDIN_FILENO, SINK = STDOUT_FILENO };

/* What is under way should fit into the caches of a processor: more is slower, by a third. */
enum { PIPE_SIZE = 1 << 18, LOCAL_BUFFER = 1 << 16 };

enum end { END_OF_SOURCE, END_STOPPED, END_BAD_SOURCE, END_BAD_SINK };

static const char *const end_names[] = {"end", "stopped", "source", "sink"};

static struct {
	int pipe[2];
	/* In the pipe. */
	size_t held;
	/* Given to the sink. */
	unsigned long long moved;
	int error;
} pump;

static volatile sig_atomic_t is_stopped;

static void stop(int number)
{
	(void)number;
	is_stopped = 1;
}

static bool is_local(int socket)
{
	struct sockaddr_storage peer = {0};
	socklen_t size = sizeof(peer);
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer;

	if (getpeername(socket, (struct sockaddr *)&peer, &size) < 0)
		return false;
	if (peer.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return peer.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* A machine's way to itself needs no room for what is under way; any other does. */
static void keep_short(int socket)
{
	int size = LOCAL_BUFFER;

	/* ignored: it is slower then, and no less right */
	if (is_local(socket))
		(void)setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Whoever started this may have made them wait. */
static bool never_waits(int socket)
{
	int flags = fcntl(socket, F_GETFL);

	return flags >= 0 && fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0;
}

static int fault_of(int socket)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return errno;
	return error;
}

/* False when the sink has no room, or `pump.error` is set. */
static bool empty_pipe(void)
{
	while (pump.held > 0) {
		ssize_t sent = splice(pump.pipe[0], NULL, SINK, NULL, pump.held,
				      SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (sent > 0) {
			pump.held -= (size_t)sent;
			pump.moved += (unsigned long long)sent;
			continue;
		}
		if (sent < 0 && errno == EINTR)
			continue;
		pump.error = sent < 0 && errno == EAGAIN ? 0 : sent < 0 ? errno : EPIPE;
		return false;
	}
	return true;
}

/* Waits until there is something to do, or a signal. */
static int wait_for(const sigset_t *mask, short *source, short *sink)
{
	/* A source that was seen to end would be reported again and again. */
	struct pollfd waits[] = {
		{.fd = pump.held ? -1 : SOURCE, .events = POLLIN},
		{.fd = SINK, .events = pump.held ? POLLOUT : 0},
	};

	if (ppoll(waits, 2, NULL, mask) < 0 && errno != EINTR)
		return -errno;
	*source = waits[0].revents;
	*sink = waits[1].revents;
	return 0;
}

static enum end move(const sigset_t *mask)
{
	for (;;) {
		short source = 0;
		short sink = 0;
		ssize_t taken;

		pump.error = -wait_for(mask, &source, &sink);
		if (is_stopped || pump.error != 0)
			return END_STOPPED;
		if (sink & (POLLERR | POLLHUP | POLLNVAL)) {
			pump.error = fault_of(SINK);
			pump.error = pump.error ? pump.error : EPIPE;
			return END_BAD_SINK;
		}
		if (source & (POLLERR | POLLNVAL)) {
			pump.error = fault_of(SOURCE);
			pump.error = pump.error ? pump.error : ECONNRESET;
			return END_BAD_SOURCE;
		}
		if (pump.held == 0 && source != 0) {
			taken = splice(SOURCE, NULL, pump.pipe[1], NULL, PIPE_SIZE,
				       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (taken == 0)
				return END_OF_SOURCE;
			if (taken < 0 && errno != EAGAIN && errno != EINTR) {
				pump.error = errno;
				return END_BAD_SOURCE;
			}
			pump.held = taken < 0 ? 0 : (size_t)taken;
		}
		if (!empty_pipe() && pump.error != 0)
			return END_BAD_SINK;
	}
}

int pump_run(void)
{
	struct sigaction action = {.sa_handler = stop};
	sigset_t blocked;
	sigset_t before;
	enum end end;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	/* What a terminal sends is for the command; aegis goes on, and so does this. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Only while it waits: what was moved has to be counted. */
	if (sigprocmask(SIG_BLOCK, &blocked, &before) < 0 ||
	    sigaction(SIGTERM, &action, NULL) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || !never_waits(SOURCE) ||
	    !never_waits(SINK) || pipe2(pump.pipe, O_NONBLOCK | O_CLOEXEC) < 0)
		return 1;
	sigdelset(&before, SIGTERM);
	/* ignored: a smaller pipe is slower and no less right */
	(void)fcntl(pump.pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
	keep_short(SINK);
	end = move(&before);
	dprintf(STDERR_FILENO, "%s %llu %d\n", end_names[end], pump.moved, pump.error);
	return 0;
}
