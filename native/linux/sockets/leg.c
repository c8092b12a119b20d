/*
 * Where a box has a network of its own, a socket tells by a cookie of its namespace whether it lies
 * there. Without one nothing is inside.
 */
#include "leg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "swap.h"

static int get_option(int socket, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(socket, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

/* An IPv4 address inside an IPv6 one is the IPv4 address, "any" address is this machine. 0 or
 * errno.
 */
static int read_address(const struct peer *peer, struct outside_address *to)
{
	static const unsigned char any[16];

	if (peer->address.any.sa_family != AF_INET6) {
		if (peer->size < sizeof(peer->address.in))
			return EINVAL;
		to->family = 4;
		to->port = ntohs(peer->address.in.sin_port);
		memcpy(to->bytes, &peer->address.in.sin_addr, 4);
	} else {
		const struct in6_addr *in6 = &peer->address.in6.sin6_addr;
		bool is_mapped = IN6_IS_ADDR_V4MAPPED(in6);

		if (peer->size < offsetof(struct sockaddr_in6, sin6_scope_id))
			return EINVAL;
		to->family = is_mapped ? 4 : 6;
		to->port = ntohs(peer->address.in6.sin6_port);
		memcpy(to->bytes, is_mapped ? &in6->s6_addr[12] : in6->s6_addr, is_mapped ? 4 : 16);
	}
	if (!memcmp(to->bytes, any, sizeof(any))) {
		const unsigned char four[] = {127, 0, 0, 1};

		if (to->family == 4)
			memcpy(to->bytes, four, sizeof(four));
		else
			to->bytes[15] = 1;
	}
	return 0;
}

int leg_begin(const struct request *request, const struct peer *peer, struct leg *leg)
{
	bool disconnects =
		request->call->kind == CALL_CONNECT && peer->address.any.sa_family == AF_UNSPEC;
	int answer;

	*leg = (struct leg){.socket = socket_take(request, &answer)};
	if (answer != 0)
		return answer;
	leg->domain = get_option(leg->socket, SO_DOMAIN);
	leg->type = get_option(leg->socket, SO_TYPE);
	leg->protocol = get_option(leg->socket, SO_PROTOCOL);
	if (leg->domain != AF_INET && leg->domain != AF_INET6)
		return disconnects ? 0 : EINVAL;
	if (leg->domain == AF_INET && peer->address.any.sa_family == AF_INET6)
		return EAFNOSUPPORT;
	if (leg->type != SOCK_STREAM && leg->type != SOCK_DGRAM)
		return EPROTONOSUPPORT;
	return disconnects ? 0 : read_address(peer, &leg->to);
}

static uint64_t network_of(int socket)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	/* Before 5.14 nobody can tell: then it counts as another than our own. */
	return getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0 ? 0 : cookie;
}

bool leg_is_inside(const struct request *request, int socket_fd)
{
	ae_auto_fd int own = -1;
	uint64_t network;

	if (!request->rules->own_network)
		return false;
	own = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	network = own < 0 ? 0 : network_of(own);
	return network != 0 && network == network_of(socket_fd);
}

bool leg_is_loopback(const struct outside_address *address)
{
	static const unsigned char one[16] = {[15] = 1};

	return address->family == 4 ? address->bytes[0] == 127 : !memcmp(address->bytes, one, 16);
}

bool leg_stays(struct request *request, const struct leg *leg)
{
	const struct box_rules *rules = request->rules;
	struct named *named = &request->first;
	struct subject subject = {
		.action = ACTION_NET_CONNECT,
		.has_port = true,
		.port = leg->to.port,
		.protocol = request->protocol,
	};
	struct verdict verdict;

	if (!rules->own_network || !leg_is_loopback(&leg->to))
		return false;
	/* Where callers that use a proxy find it. */
	if (leg->type == SOCK_STREAM && leg->to.port == rules->gateway_port)
		return false;
	inet_ntop(leg->to.family == 4 ? AF_INET : AF_INET6, leg->to.bytes, named->text,
		  sizeof(named->text));
	subject.path = subject.host = named->text;
	subject.path_size = subject.host_size = named->text_size = strlen(named->text);
	verdict = judge_decide(rules->judge, &subject);
	if (!verdict.allowed || !rules->rules[verdict.rule].inside)
		return false;
	memcpy(named->at.target.path, named->text, named->text_size);
	named->at.target.size = named->text_size;
	request_note_socket(request, &subject, verdict);
	return true;
}

bool leg_is_connected(const struct leg *leg)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	return getpeername(leg->socket, (struct sockaddr *)&address, &size) == 0;
}

int leg_replace(const struct request *request, struct leg *leg)
{
	int fresh = socket(leg->domain, leg->type | SOCK_CLOEXEC, leg->protocol);
	int error;

	if (fresh < 0)
		return errno;
	error = swap_socket(&request->caller, (int)request->data->args[0], leg->socket, fresh);
	leg->socket = fresh;
	if (error == -ESRCH || error == -ENOENT)
		return ANSWER_NONE;
	return -error;
}
