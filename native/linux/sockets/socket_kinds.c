/*
 * The filter has decided by the registers alone, so nothing can have changed meanwhile: what comes
 * here is refused, and only has to be named. What a policy could grant is denied because no rule
 * does; no policy grants the rest.
 */
#include "socket_kinds.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Older ones lack the types it uses. */
#include <linux/vm_sockets.h>

#include "held.h"
#include "messages.h"
#include "routes.h"
#include "sockets.h"

/* Not known to every C library. */
enum { PROTOCOL_MPTCP = 262, TYPE_MASK = 0xf, NETLINK_ROUTES = 0 };

struct number_name {
	int number;
	const char *name;
};

static const struct number_name families[] = {
	{AF_UNIX, "unix"},     {AF_INET, "inet"},
	{AF_INET6, "inet6"},   {AF_NETLINK, "netlink"},
	{AF_PACKET, "packet"}, {AF_VSOCK, "vsock"},
	{AF_ALG, "alg"},       {AF_BLUETOOTH, "bluetooth"},
	{AF_CAN, "can"},       {AF_TIPC, "tipc"},
	{44, "xdp"},
};

static const struct number_name types[] = {
	{SOCK_STREAM, "stream"}, {SOCK_DGRAM, "dgram"},		{SOCK_RAW, "raw"},
	{SOCK_RDM, "rdm"},	 {SOCK_SEQPACKET, "seqpacket"},
};

static const struct number_name protocols[] = {
	{IPPROTO_ICMP, "icmp"},	   {IPPROTO_TCP, "tcp"},   {IPPROTO_UDP, "udp"},
	{IPPROTO_ICMPV6, "icmp6"}, {IPPROTO_SCTP, "sctp"}, {IPPROTO_UDPLITE, "udplite"},
	{PROTOCOL_MPTCP, "mptcp"},
};

static int family_of(const struct request *request)
{
	return (int)request->data->args[0];
}

static int type_of(const struct request *request)
{
	return (int)request->data->args[1] & TYPE_MASK;
}

static bool is_internet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

/* 0 stands for the protocol a type has by itself. */
static int protocol_of(const struct request *request)
{
	int protocol = (int)request->data->args[2];

	if (protocol != 0 || !is_internet(family_of(request)))
		return protocol;
	if (type_of(request) == SOCK_STREAM)
		return IPPROTO_TCP;
	return type_of(request) == SOCK_DGRAM ? IPPROTO_UDP : 0;
}

static bool is_internet_granted(const struct request *request, uint32_t kinds)
{
	int protocol = protocol_of(request);

	if (type_of(request) == SOCK_STREAM)
		return protocol == IPPROTO_TCP
			       ? kinds & NOTIFY_MAKES_TCP
			       : protocol == PROTOCOL_MPTCP && kinds & NOTIFY_MAKES_OTHERS;
	if (type_of(request) != SOCK_DGRAM)
		return false;
	if (protocol == IPPROTO_UDP)
		return kinds & NOTIFY_MAKES_UDP;
	return (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 ||
		protocol == IPPROTO_UDPLITE) &&
	       kinds & NOTIFY_MAKES_OTHERS;
}

static bool is_granted(const struct request *request)
{
	uint32_t kinds = request->rules->makes_kinds;
	int type = type_of(request);

	if (is_internet(family_of(request)))
		return is_internet_granted(request, kinds);
	if (family_of(request) == AF_NETLINK)
		return kinds & NOTIFY_MAKES_NETLINK && request->data->args[2] == NETLINK_ROUTES;
	return family_of(request) == AF_UNIX && (type == SOCK_STREAM || type == SOCK_SEQPACKET);
}

static bool is_ping(const struct request *request)
{
	int protocol = protocol_of(request);

	return is_internet(family_of(request)) && type_of(request) == SOCK_DGRAM &&
	       (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6);
}

/* What some policy grants, on its own or with everything. */
static bool could_be_granted(const struct request *request)
{
	const uint32_t all = NOTIFY_MAKES_TCP | NOTIFY_MAKES_UDP;

	if (family_of(request) == AF_NETLINK)
		return protocol_of(request) == NETLINK_ROUTES;
	if (!is_internet(family_of(request)))
		return false;
	return is_internet_granted(request, all) || is_ping(request);
}

static const char *name_of(const struct number_name *names, size_t count, int number, char text[16])
{
	for (size_t i = 0; i < count; i++) {
		if (names[i].number == number)
			return names[i].name;
	}
	snprintf(text, 16, "%d", number);
	return text;
}

#define NAME_OF(names, number, text) name_of(names, sizeof(names) / sizeof(*(names)), number, text)

/* "socket:inet/dgram/udp"; where the protocol says nothing more, "socket:vsock/stream". */
static void name_kind(const struct request *request, struct named *named)
{
	char numbers[3][16];
	int family = family_of(request);
	int protocol = protocol_of(request);
	char *text = named->text;
	size_t room = sizeof(named->text);
	int size = snprintf(text, room, "socket:%s/%s", NAME_OF(families, family, numbers[0]),
			    NAME_OF(types, type_of(request), numbers[1]));

	if (family == AF_NETLINK && protocol == NETLINK_ROUTES)
		size += snprintf(text + size, room - (size_t)size, "/route");
	else if (is_internet(family))
		size += snprintf(text + size, room - (size_t)size, "/%s",
				 NAME_OF(protocols, protocol, numbers[2]));
	else if (protocol != 0)
		size += snprintf(text + size, room - (size_t)size, "/%d", protocol);
	named->text_size = (size_t)size;
	named->at.target.size = (size_t)size;
	memcpy(named->at.target.path, text, (size_t)size);
}

/* Pings by name take a socket out of the caller, which whoever makes sockets cannot. */
static uint32_t refusing_rule(const struct request *request)
{
	if (is_ping(request) && request->rules->makes_sockets)
		return JUDGE_NO_PING;
	return could_be_granted(request) ? JUDGE_NO_RULE : JUDGE_NO_SOCKET;
}

static int refuse(struct request *request)
{
	int family = family_of(request);

	request->is_refused = true;
	name_kind(request, &request->first);
	request_refuse(request, ACTION_NET_CONNECT, &request->first, refusing_rule(request));
	return family == AF_UNIX || is_internet(family) ? EACCES : EAFNOSUPPORT;
}

int socket_kinds_answer(struct request *request)
{
	bool makes = request->call->kind == CALL_SOCKET && request->rules->makes_sockets;

	/* Pairs lead nowhere: what is granted of them never comes here. */
	if (makes && is_granted(request))
		return held_make(request);
	return refuse(request);
}

bool fast_open_is_tried(const struct request *request)
{
	enum call_kind kind = (enum call_kind)request->call->kind;
	bool sends = kind == CALL_SENDTO || kind == CALL_SENDMSG || kind == CALL_SENDMMSG;

	return sends && request->rules->broker_socket && request->flags & MSG_FASTOPEN;
}

int fast_open_refuse(struct request *request)
{
	const __u64 *arguments = request->data->args;
	struct message message = {.peer = {.size = 0}};
	int answer;

	if (request->call->kind == CALL_SENDTO)
		answer = peer_read(request, arguments[4], arguments[5], &message.peer);
	else
		answer = message_read(request, arguments[1], &message);
	if (answer != 0)
		return answer;
	/* What goes by name is judged by the gateway, when it is connected to. */
	if (message.peer.size != 0 && !routes_take(request, &message.peer))
		(void)sockets_judge(request, ACTION_NET_CONNECT, &message.peer);
	return EOPNOTSUPP;
}
