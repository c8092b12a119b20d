/*
 * Every question goes on through one socket that the gateway knows, under a number of our own by
 * which its answer finds the way back. A stream has a connection of its own. What the questions say
 * is the resolver's matter.
 */
#include "names_relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "outside_gateway.h"

enum { MESSAGE_MAX = 4096, HEADER_SIZE = 12, ASKERS = 1 << 16 };

static struct {
	int datagram;
	int stream;
	int upstream;
	int (*start)(void *(*body)(void *), void *argument);
	uint16_t next;
	/* Whose question a number stands for. */
	struct {
		struct sockaddr_in address;
		uint16_t number;
	} askers[ASKERS];
} relay;

static void forward(void)
{
	unsigned char message[MESSAGE_MAX];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t got = recvfrom(relay.datagram, message, sizeof(message), MSG_DONTWAIT,
			       (struct sockaddr *)&from, &size);

	if (got < HEADER_SIZE || size != sizeof(from))
		return;
	relay.askers[relay.next].address = from;
	memcpy(&relay.askers[relay.next].number, message, sizeof(uint16_t));
	memcpy(message, &relay.next, sizeof(uint16_t));
	relay.next++;
	/* ignored: a question that is lost is asked again */
	(void)send(relay.upstream, message, (size_t)got, MSG_DONTWAIT);
}

static void deliver(void)
{
	unsigned char message[MESSAGE_MAX];
	ssize_t got = recv(relay.upstream, message, sizeof(message), MSG_DONTWAIT);
	struct sockaddr_in to;
	uint16_t number;

	if (got < HEADER_SIZE)
		return;
	memcpy(&number, message, sizeof(number));
	to = relay.askers[number].address;
	memcpy(message, &relay.askers[number].number, sizeof(uint16_t));
	if (to.sin_family == AF_INET)
		/* ignored: an answer that is lost is asked for again */
		(void)sendto(relay.datagram, message, (size_t)got, MSG_DONTWAIT,
			     (struct sockaddr *)&to, sizeof(to));
}

/* One direction of a stream. False at its end. */
static bool carry(int from, int to)
{
	unsigned char data[MESSAGE_MAX];
	ssize_t got = fd_read(from, data, sizeof(data));

	return got > 0 && fd_write_all(to, data, (size_t)got) == 0;
}

static void *carry_stream(void *argument)
{
	struct outside_request request = {
		.kind = OUTSIDE_RESOLVER_STREAM,
		.socket_family = 4,
		.address = {.family = 4},
	};
	ae_auto_fd int inside = (int)(intptr_t)argument;
	ae_auto_fd int upstream = gateway_open(&request);
	struct pollfd waits[] = {{.fd = inside, .events = POLLIN},
				 {.fd = upstream, .events = POLLIN}};

	if (upstream < 0 || gateway_await(upstream, -1) != 0)
		return NULL;
	for (;;) {
		if (poll(waits, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (waits[0].revents && !carry(inside, upstream))
			return NULL;
		if (waits[1].revents && !carry(upstream, inside))
			return NULL;
	}
}

static void accept_stream(void)
{
	int fd = accept4(relay.stream, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0 && relay.start(carry_stream, (void *)(intptr_t)fd) != 0)
		close(fd);
}

static void *serve(void *unused)
{
	struct outside_request request = {
		.kind = OUTSIDE_RESOLVER, .socket_family = 4, .address = {.family = 4}};
	struct pollfd waits[] = {{.fd = relay.datagram, .events = POLLIN},
				 {.events = POLLIN},
				 {.fd = relay.stream, .events = POLLIN}};

	(void)unused;
	relay.upstream = gateway_open_resolver(&request, -1);
	/* Without a resolver the box knows no names; closing tells its programs at once. */
	if (relay.upstream < 0) {
		close(relay.datagram);
		close(relay.stream);
		return NULL;
	}
	waits[1].fd = relay.upstream;
	for (;;) {
		if (poll(waits, 3, -1) < 0 && errno != EINTR)
			return NULL;
		if (waits[0].revents)
			forward();
		if (waits[1].revents)
			deliver();
		if (waits[2].revents)
			accept_stream();
	}
}

void names_relay_start(int datagram, int stream,
		       int (*start)(void *(*body)(void *), void *argument))
{
	relay.datagram = datagram;
	relay.stream = stream;
	relay.start = start;
	if (start(serve, NULL) != 0) {
		close(datagram);
		close(stream);
	}
}
