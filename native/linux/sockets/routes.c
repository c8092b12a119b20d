/*
 * What leaves the box is asked for by a job of its own, because the gateway records and dials
 * before it answers. A datagram socket leads to one peer at a time: sending to another one puts
 * another socket in its place.
 */
#include "routes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "../answer/jobs.h"
#include "../outside/outside.h"
#include "datagrams.h"
#include "held.h"
#include "leg.h"
#include "messages.h"
#include "peers.h"
#include "swap.h"

enum { NAMES_PORT = 53 };

/* One connection on its way through the gateway. */
struct passage {
	struct outside_request ask;
	int link;
	int number;
	bool is_stream;
	/* The caller's own socket is connected: no other can take its place. */
	bool is_own;
	/* What to send then, when it is not the call to connect. */
	bool sends;
	struct parcel parcel;
};

bool routes_take(const struct request *request, const struct peer *peer)
{
	sa_family_t family = peer->address.any.sa_family;

	return request->rules->outside >= 0 && peer->size >= sizeof(sa_family_t) &&
	       (family == AF_INET || family == AF_INET6 || family == AF_UNSPEC);
}

static enum outside_kind kind_of(const struct request *request, const struct leg *leg)
{
	bool is_stream = leg->type == SOCK_STREAM;

	if (leg->protocol == IPPROTO_ICMP || leg->protocol == IPPROTO_ICMPV6)
		return OUTSIDE_ICMP;
	if (leg->to.port == NAMES_PORT)
		return is_stream ? OUTSIDE_RESOLVER_STREAM : OUTSIDE_RESOLVER;
	if (!is_stream)
		return OUTSIDE_DATAGRAM;
	if (leg->to.port == request->rules->gateway_port && leg_is_loopback(&leg->to))
		return OUTSIDE_PROXY;
	return OUTSIDE_STREAM;
}

static void name_program(const struct request *request, struct outside_request *ask)
{
	char path[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)request->caller.tid);
	size = readlink(path, ask->exe, sizeof(ask->exe) - 1);
	ask->exe_size = size < 0 ? 0 : (uint16_t)size;
	ask->pid = (uint32_t)request->caller.tid;
}

static struct passage *plan_passage(const struct request *request, const struct leg *leg)
{
	struct passage *passage = calloc(1, sizeof(*passage));
	int flags = fcntl(leg->socket, F_GETFL);

	if (!passage)
		return NULL;
	passage->link = request->rules->outside;
	passage->number = (int)request->data->args[0];
	passage->is_stream = leg->type == SOCK_STREAM;
	passage->is_own = request->rules->makes_sockets;
	passage->ask.kind = (uint8_t)kind_of(request, leg);
	passage->ask.socket_family = leg->domain == AF_INET ? 4 : 6;
	passage->ask.no_wait = passage->is_stream && (flags < 0 || flags & O_NONBLOCK);
	passage->ask.address = leg->to;
	name_program(request, &passage->ask);
	return passage;
}

static int pass_own(struct job *job)
{
	const struct passage *passage = job->context;
	struct outside_address peer;
	int error = outside_connect(passage->link, &passage->ask, job->fd, &peer);

	if (error != 0)
		return error;
	if (!passage->is_stream) {
		peers_note(job->fd, &passage->ask.address, &peer);
		return passage->sends
			       ? datagram_send(&job->caller, job->fd, &passage->parcel, &peer)
			       : 0;
	}
	held_settle(job->fd);
	return passage->ask.no_wait ? -EINPROGRESS : 0;
}

/* A caller that does not wait hears that the connection is on its way, and finds it made. */
static int pass(struct job *job)
{
	struct passage *passage = job->context;
	ae_auto_free char *data = passage->parcel.data;
	ae_auto_fd int fresh = -1;
	int error;

	if (passage->is_own)
		return pass_own(job);
	fresh = outside_ask(passage->link, &passage->ask);
	if (fresh < 0)
		return fresh;
	error = swap_socket(&job->caller, passage->number, fd_steal(&job->fd), fresh);
	if (error != 0)
		return error;
	if (!passage->is_stream)
		peers_note(fresh, &passage->ask.address, NULL);
	if (passage->sends)
		return message_dispatch(&job->caller, fresh, &passage->parcel, NULL);
	return passage->ask.no_wait ? -EINPROGRESS : 0;
}

/* Takes the leg's socket over, and the parcel, NULL to connect only. */
static int start_passage(struct request *request, struct leg *leg, struct parcel *parcel)
{
	struct job job = {.caller = request->caller, .perform = pass, .fd = -1, .held = -1};
	struct passage *passage = plan_passage(request, leg);
	char *data = NULL;
	int answer;

	if (!passage)
		return ENOMEM;
	if (parcel) {
		passage->sends = true;
		passage->parcel = *parcel;
		data = parcel->data;
		parcel->data = NULL;
		job.kept_size = parcel->size;
	}
	job.context = passage;
	job.fd = fd_steal(&leg->socket);
	answer = jobs_start(&job);
	if (answer == 0)
		return ANSWER_SENT;
	free(data);
	return answer;
}

static int connect_outside(struct request *request, struct leg *leg)
{
	if (leg->type == SOCK_STREAM && leg_is_connected(leg))
		return EISCONN;
	return start_passage(request, leg, NULL);
}

static int connect_inside(struct request *request, const struct peer *peer, struct leg *leg)
{
	int answer = 0;

	if (!leg_is_inside(request, leg->socket)) {
		if (leg_is_connected(leg))
			return EISCONN;
		answer = leg_replace(request, leg);
	}
	return answer ? answer : socket_connect_on(request, peer, fd_steal(&leg->socket));
}

/* Undoes a connection. What is left must not be able to listen, or to name a peer by itself. */
static int disconnect(const struct request *request, struct leg *leg)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	bool is_internet = leg->domain == AF_INET || leg->domain == AF_INET6;

	/* One that was connected is not held any more. */
	if (is_internet && !request->rules->makes_sockets && !leg_is_inside(request, leg->socket)) {
		int answer = leg_replace(request, leg);

		return answer ? answer : ANSWER_DONE;
	}
	return connect(leg->socket, &none, sizeof(none)) < 0 ? errno : ANSWER_DONE;
}

static int connect_leg(struct request *request, const struct peer *peer, struct leg *leg)
{
	if (peer->address.any.sa_family == AF_UNSPEC)
		return disconnect(request, leg);
	if (leg_stays(request, leg))
		return connect_inside(request, peer, leg);
	return connect_outside(request, leg);
}

int routes_bind(struct request *request, const struct peer *peer)
{
	int answer;
	ae_auto_fd int socket = socket_take(request, &answer);

	if (answer != 0)
		return answer;
	if (!routes_may_listen(request, socket))
		return EINVAL;
	return bind(socket, &peer->address.any, peer->size) < 0 ? errno : ANSWER_DONE;
}

bool routes_may_listen(const struct request *request, int socket)
{
	return request->rules->outside < 0 || !request->rules->own_network ||
	       leg_is_inside(request, socket);
}

static int answer_sent(const struct request *request, int result)
{
	if (result < 0)
		return -result;
	return broker_reply(&request->caller, result) ? ANSWER_SENT : ANSWER_NONE;
}

static int send_now(const struct request *request, const struct leg *leg,
		    const struct parcel *parcel, const struct peer *address)
{
	return answer_sent(request,
			   message_dispatch(&request->caller, leg->socket, parcel, address));
}

static int send_inside(struct request *request, const struct peer *peer, struct leg *leg,
		       struct parcel *parcel)
{
	int answer = leg_is_inside(request, leg->socket) ? 0 : leg_replace(request, leg);

	return answer ? answer : send_now(request, leg, parcel, peer);
}

/* One that was disconnected since has to be connected again. */
static bool is_led(const struct leg *leg, struct outside_address *to)
{
	return peers_has(leg->socket, &leg->to, to) && leg_is_connected(leg);
}

static int send_leg(struct request *request, const struct peer *peer, struct leg *leg,
		    struct parcel *parcel)
{
	struct outside_address to;

	/* The kernel does not look at the address either. */
	if (leg->type == SOCK_STREAM)
		return leg_is_connected(leg) ? send_now(request, leg, parcel, NULL) : ENOTCONN;
	if (is_led(leg, &to))
		return request->rules->makes_sockets
			       ? answer_sent(request, datagram_send(&request->caller, leg->socket,
								    parcel, &to))
			       : send_now(request, leg, parcel, NULL);
	if (leg_stays(request, leg))
		return send_inside(request, peer, leg, parcel);
	return start_passage(request, leg, parcel);
}

int routes_send(struct request *request, const struct peer *peer, struct parcel *parcel)
{
	struct leg leg;
	int answer = leg_begin(request, peer, &leg);

	if (answer == 0)
		answer = send_leg(request, peer, &leg, parcel);
	fd_close_at(&leg.socket);
	free(parcel->data);
	return answer;
}

bool routes_send_connected(const struct request *request)
{
	return request->rules->makes_sockets && request->rules->outside >= 0 &&
	       request->protocol == IPPROTO_UDP;
}

int routes_send_on(struct request *request, struct parcel *parcel)
{
	struct outside_address to;
	int answer;
	ae_auto_fd int socket = socket_take(request, &answer);

	if (answer == 0 && !datagram_peer(socket, &to))
		answer = EDESTADDRREQ;
	if (answer == 0)
		answer = answer_sent(request, datagram_send(&request->caller, socket, parcel, &to));
	free(parcel->data);
	return answer;
}

int routes_connect(struct request *request, const struct peer *peer)
{
	struct leg leg;
	int answer = leg_begin(request, peer, &leg);

	if (answer == 0)
		answer = connect_leg(request, peer, &leg);
	fd_close_at(&leg.socket);
	return answer;
}
