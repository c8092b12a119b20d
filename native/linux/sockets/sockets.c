/*
 * An internet address is judged as host text and port; an IPv4 address inside an IPv6 one is the
 * IPv4 address, and connecting to "any" address is connecting to this machine. A path socket is a
 * file: connecting and binding write to it. Abstract names never leave the box (Landlock scope or
 * network namespace), so only a forbid stops those then.
 */
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "../ask/askable.h"
#include "messages.h"
#include "post.h"
#include "routes.h"
#include "socket_kinds.h"

enum { MESSAGES_MAX = 1024 };

static void name_text(struct named *named, const char *text, size_t size)
{
	named->text_size = size;
	named->at.target.size = size;
	memcpy(named->text, text, size);
	memcpy(named->at.target.path, text, size);
}

static int judge_host(struct request *request, enum action action, const char *host, int port)
{
	struct named *named = &request->first;
	struct subject subject = {
		.action = action,
		.path = host,
		.path_size = strlen(host),
		.host = host,
		.host_size = strlen(host),
		.has_port = port >= 0,
		.port = (uint16_t)port,
		.protocol = request->protocol,
	};
	struct verdict verdict = judge_decide(request->rules->judge, &subject);
	bool is_abstract = port < 0 && host[0] == '@';

	if (is_abstract && verdict.rule == JUDGE_NO_RULE && request->rules->abstract_contained)
		verdict.allowed = true;
	name_text(named, host, subject.host_size);
	request_note_socket(request, &subject, verdict);
	return verdict.allowed ? ANSWER_CONTINUE : EACCES;
}

static int judge_in(struct request *request, enum action action, struct in_addr in, in_port_t port)
{
	char host[INET_ADDRSTRLEN];

	if (action == ACTION_NET_CONNECT && in.s_addr == htonl(INADDR_ANY))
		in.s_addr = htonl(INADDR_LOOPBACK);
	inet_ntop(AF_INET, &in, host, sizeof(host));
	return judge_host(request, action, host, ntohs(port));
}

static int judge_in6(struct request *request, enum action action, const struct sockaddr_in6 *in6)
{
	char host[INET6_ADDRSTRLEN];
	struct in6_addr address = in6->sin6_addr;
	struct in_addr inside;

	if (IN6_IS_ADDR_V4MAPPED(&address)) {
		memcpy(&inside, &address.s6_addr[12], sizeof(inside));
		return judge_in(request, action, inside, in6->sin6_port);
	}
	if (action == ACTION_NET_CONNECT && IN6_IS_ADDR_UNSPECIFIED(&address))
		address = in6addr_loopback;
	inet_ntop(AF_INET6, &address, host, sizeof(host));
	return judge_host(request, action, host, ntohs(in6->sin6_port));
}

static int judge_path_socket(struct request *request, enum action action, const struct peer *peer)
{
	struct named *named = &request->first;
	struct place place = {
		.directory = AT_FDCWD, .path = named->text, .no_follow = action == ACTION_NET_BIND};
	size_t room = peer->size - offsetof(struct sockaddr_un, sun_path);
	const struct target *target = &named->at.target;

	named->text_size = strnlen(peer->address.un.sun_path, room);
	memcpy(named->text, peer->address.un.sun_path, named->text_size);
	named->text[named->text_size] = 0;
	if (resolve_place(&request->caller, &place, &named->at.target) != 0)
		return EACCES;
	if (target->state == TARGET_FAILS)
		return request_fails(request, ACTION_FILE_WRITE, named, target->error);
	/* What has no name in any folder is there as well. */
	if (action == ACTION_NET_BIND && target->state != TARGET_MISSING)
		return EADDRINUSE;
	if (action == ACTION_NET_CONNECT && target->state == TARGET_MISSING)
		return request_fails(request, ACTION_FILE_WRITE, named, ENOENT);
	return request_consider(request, ACTION_FILE_WRITE, named) ? ANSWER_CONTINUE : EACCES;
}

static int judge_unix(struct request *request, enum action action, const struct peer *peer)
{
	const char *path = peer->address.un.sun_path;
	size_t size = peer->size - offsetof(struct sockaddr_un, sun_path);
	char host[sizeof(peer->address) + 1];

	/* As the kernel, which has room for no more. */
	if (peer->size > sizeof(peer->address.un))
		return EINVAL;
	if (size == 0 || path[0] != 0)
		return size ? judge_path_socket(request, action, peer) : ANSWER_CONTINUE;
	for (size_t i = 0; i < size; i++)
		host[i] = path[i] ? path[i] : '@';
	host[size] = 0;
	return judge_host(request, action, host, -1);
}

int sockets_judge(struct request *request, enum action action, const struct peer *peer)
{
	char host[32];

	if (peer->size < sizeof(sa_family_t))
		return EINVAL;
	switch (peer->address.any.sa_family) {
	case AF_UNSPEC:
		/* connect() to it disconnects; elsewhere IPv4 sockets take it for AF_INET. */
		if (action == ACTION_NET_CONNECT && request->call->kind == CALL_CONNECT)
			return ANSWER_CONTINUE;
		/* fall through */
	case AF_INET:
		if (peer->size < sizeof(peer->address.in))
			return EINVAL;
		return judge_in(request, action, peer->address.in.sin_addr,
				peer->address.in.sin_port);
	case AF_INET6:
		if (peer->size < offsetof(struct sockaddr_in6, sin6_scope_id))
			return EINVAL;
		return judge_in6(request, action, &peer->address.in6);
	case AF_UNIX:
		return judge_unix(request, action, peer);
	case AF_NETLINK:
		/* Talks to the kernel; which protocols may be opened is the seccomp filter's
		 * matter. */
		return ANSWER_CONTINUE;
	default:
		snprintf(host, sizeof(host), "family:%u", peer->address.any.sa_family);
		return judge_host(request, action, host, -1);
	}
}

/* Reads where an internet socket is bound; false for any other. */
static bool is_bound_to(int socket, struct peer *peer)
{
	peer->size = sizeof(peer->address);
	return getsockname(socket, &peer->address.any, &peer->size) == 0 &&
	       (peer->address.any.sa_family == AF_INET || peer->address.any.sa_family == AF_INET6);
}

/*
 * Listening without a port takes a free one that no bind was judged for. A socket whose connection
 * has ended still tells the port it had, which is not its own any more: unless any port will do, it
 * may only listen where it says it is bound. *keeps_port says so.
 */
static int judge_listen(struct request *request, struct peer *peer, bool *keeps_port)
{
	/* The port stands at the same place in both families. */
	in_port_t port = peer->address.in.sin_port;
	int answer;

	peer->address.in.sin_port = 0;
	answer = sockets_judge(request, ACTION_NET_BIND, peer);
	peer->address.in.sin_port = port;
	if (port == 0)
		return answer;
	/* Binding has left its row already. */
	*keeps_port = answer != ANSWER_CONTINUE;
	if (*keeps_port) {
		size_t rows = request->frame_count;

		request->frame_count = 0;
		if (sockets_judge(request, ACTION_NET_BIND, peer) != ANSWER_CONTINUE) {
			request->frame_count = rows;
			return answer;
		}
	}
	request->frame_count = 0;
	return ANSWER_CONTINUE;
}

static int answer_listen(struct request *request)
{
	ae_auto_fd int socket = socket_look(request);
	struct peer peer = {.size = 0};
	int answer = ANSWER_CONTINUE;
	bool keeps_port = false;

	/* Nothing is confined then, and there is nothing to look at. */
	if (socket < 0 && request->rules->takes_nothing && !request->rules->makes_sockets)
		return ANSWER_CONTINUE;
	/* It listens by now, and only the length of its queue could change. */
	if (socket == -EALREADY)
		return ANSWER_DONE;
	if (socket < 0)
		return socket == -EISCONN ? EACCES : socket_refusal(socket);
	if (!routes_may_listen(request, socket))
		return EACCES;
	if (is_bound_to(socket, &peer))
		answer = judge_listen(request, &peer, &keeps_port);
	if (answer != ANSWER_CONTINUE || !request->rules->broker_socket)
		return answer;
	return socket_listen(request, keeps_port);
}

static int answer_route(struct request *request, const struct peer *peer)
{
	struct parcel parcel = {.data = NULL};
	int answer;

	if (request->call->kind == CALL_CONNECT)
		return routes_connect(request, peer);
	if (request->call->kind == CALL_BIND) {
		answer = sockets_judge(request, ACTION_NET_BIND, peer);
		return answer ? answer : routes_bind(request, peer);
	}
	answer = message_pack_sendto(request, &parcel);
	if (answer == 0)
		return routes_send(request, peer, &parcel);
	free(parcel.data);
	return answer;
}

static int answer_address(struct request *request, enum action action, uint64_t at, uint64_t size)
{
	struct peer peer;
	int answer = peer_read(request, at, size, &peer);

	if (answer == 0 && routes_take(request, &peer))
		return answer_route(request, &peer);
	if (answer == 0)
		answer = sockets_judge(request, action, &peer);
	if (answer != ANSWER_CONTINUE || !request->rules->broker_socket)
		return answer;
	if (request->call->kind == CALL_CONNECT)
		return socket_connect(request, &peer);
	if (request->call->kind == CALL_BIND)
		return socket_bind(request, &peer);
	return request->call->kind == CALL_SENDTO ? socket_send(request, &peer) : answer;
}

/* A message to an internet address where connections go by name. */
static int route_message(struct request *request, const struct message *message, uint64_t report_at)
{
	struct parcel parcel = {.report_at = report_at};
	int answer = message_pack(request, message, &parcel);

	if (answer == 0)
		return message->peer.size ? routes_send(request, &message->peer, &parcel)
					  : routes_send_on(request, &parcel);
	free(parcel.data);
	return answer;
}

static bool is_routed(const struct request *request, const struct message *message)
{
	return message->peer.size ? routes_take(request, &message->peer)
				  : routes_send_connected(request);
}

/* To the peer the socket has. */
static int answer_send(struct request *request)
{
	struct parcel parcel = {.report_at = 0};
	int answer;

	if (!routes_send_connected(request))
		return ANSWER_CONTINUE;
	answer = message_pack_sendto(request, &parcel);
	if (answer == 0)
		return routes_send_on(request, &parcel);
	free(parcel.data);
	return answer;
}

/* The same in pieces. */
static int answer_writev(struct request *request)
{
	const __u64 *arguments = request->data->args;
	const struct message message = {
		.header = {.pieces = arguments[1], .piece_count = arguments[2]},
	};

	return routes_send_connected(request) ? route_message(request, &message, 0)
					      : ANSWER_CONTINUE;
}

static int answer_message(struct request *request, uint64_t at)
{
	struct message message;
	int answer = message_read(request, at, &message);
	ssize_t sent;

	if (answer == 0 && is_routed(request, &message))
		return route_message(request, &message, 0);
	if (answer == 0 && message.peer.size != 0)
		answer = sockets_judge(request, ACTION_NET_CONNECT, &message.peer);

	if (answer == ANSWER_CONTINUE && request->rules->broker_messages)
		return post_message(request, &message, 0);
	if (answer != ANSWER_CONTINUE || !request->rules->broker_socket ||
	    !message_is_performed(request))
		return answer;
	sent = message_send(request, &message, &answer);
	if (sent < 0)
		return answer;
	return broker_reply(&request->caller, (int)sent) ? ANSWER_SENT : ANSWER_NONE;
}

/* Like the kernel: an error counts only when nothing was sent before it. */
static int answer_messages(struct request *request)
{
	bool performs = request->rules->broker_socket && message_is_performed(request);
	uint64_t count = (uint32_t)request->data->args[2];
	int answer = ANSWER_CONTINUE;
	uint64_t done = 0;

	if (count > MESSAGES_MAX)
		return EMSGSIZE;
	while (done < count && answer == ANSWER_CONTINUE) {
		uint64_t at = request->data->args[1] + done * sizeof(struct uapi_message_sent);
		struct message message;
		ssize_t sent = 0;

		/* One row stands for all: they could be a thousand. */
		request->frame_count = 0;
		target_close(&request->first.at.target);
		answer = message_read(request, at, &message);
		/* The caller is told that one message went, and comes back with the next. */
		if (answer == 0 && is_routed(request, &message)) {
			if (done == 0)
				return route_message(request, &message, at);
			break;
		}
		if (answer == 0 && message.peer.size != 0)
			answer = sockets_judge(request, ACTION_NET_CONNECT, &message.peer);
		if (answer == ANSWER_CONTINUE && request->rules->broker_messages)
			return post_message(request, &message, at);
		if (answer == ANSWER_CONTINUE && performs)
			sent = message_send(request, &message, &answer);
		if (sent >= 0 && performs && answer == 0 &&
		    !message_report(&request->caller, at, (size_t)sent))
			answer = EFAULT;
		done += answer == ANSWER_CONTINUE;
	}
	if (!performs || done == 0)
		return answer;
	return broker_reply(&request->caller, (int)done) ? ANSWER_SENT : ANSWER_NONE;
}

int sockets_answer(struct request *request)
{
	const __u64 *arguments = request->data->args;
	ae_auto_fd int socket = socket_look(request);

	if (request->call->kind == CALL_CONNECT && (socket == -EISCONN || socket == -EALREADY))
		return EISCONN;
	request->protocol = socket < 0 ? 0 : socket_protocol(socket);
	request->flags = (uint32_t)request_argument(request, request->call->flags);
	if (fast_open_is_tried(request))
		return fast_open_refuse(request);
	if (request->call->kind == CALL_CONNECT)
		return askable_answer(request, answer_address(request, ACTION_NET_CONNECT,
							      arguments[1], arguments[2]));
	if (request->call->kind == CALL_BIND)
		return askable_answer(request, answer_address(request, ACTION_NET_BIND,
							      arguments[1], arguments[2]));
	if (request->call->kind == CALL_LISTEN)
		return answer_listen(request);
	if (request->call->kind == CALL_SENDMSG)
		return answer_message(request, arguments[1]);
	if (request->call->kind == CALL_SENDMMSG)
		return answer_messages(request);
	if (request->call->kind == CALL_WRITEV)
		return answer_writev(request);
	if (request->call->kind == CALL_WRITE || arguments[4] == 0)
		return answer_send(request);
	return answer_address(request, ACTION_NET_CONNECT, arguments[4], arguments[5]);
}
