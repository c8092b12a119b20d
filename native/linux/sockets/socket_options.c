/*
 * Only what differs from the new socket's own value is set: most programs set little, and a value
 * that is set is no longer adjusted by the kernel. An option one of the sockets does not have is
 * none of it.
 */
#include "socket_options.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "../uapi.h"

struct option {
	int level;
	int name;
};

static const struct option options[] = {
	{SOL_SOCKET, SO_KEEPALIVE},
	{SOL_SOCKET, SO_LINGER},
	{SOL_SOCKET, SO_OOBINLINE},
	{SOL_SOCKET, SO_PRIORITY},
	{SOL_SOCKET, SO_RCVLOWAT},
	{SOL_SOCKET, SO_RCVTIMEO},
	{SOL_SOCKET, SO_SNDTIMEO},
	{SOL_SOCKET, SO_TIMESTAMP},
	{SOL_SOCKET, SO_BROADCAST},
	{SOL_SOCKET, SO_REUSEADDR},
	{SOL_SOCKET, SO_REUSEPORT},
	{IPPROTO_TCP, TCP_NODELAY},
	{IPPROTO_TCP, TCP_KEEPIDLE},
	{IPPROTO_TCP, TCP_KEEPINTVL},
	{IPPROTO_TCP, TCP_KEEPCNT},
	{IPPROTO_TCP, TCP_USER_TIMEOUT},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT},
	{IPPROTO_TCP, TCP_QUICKACK},
	{IPPROTO_IP, IP_TOS},
	{IPPROTO_IP, IP_TTL},
	{IPPROTO_IP, IP_RECVERR},
	{IPPROTO_IP, IP_PKTINFO},
	{IPPROTO_IP, IP_RECVTTL},
	{IPPROTO_IP, IP_RECVTOS},
	{IPPROTO_IP, IP_MTU_DISCOVER},
	{IPPROTO_IPV6, IPV6_TCLASS},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO},
	{IPPROTO_IPV6, IPV6_RECVERR},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER},
};

static void copy_option(int from, int to, struct option option)
{
	char wanted[64];
	char current[64];
	socklen_t wanted_size = sizeof(wanted);
	socklen_t current_size = sizeof(current);

	if (getsockopt(from, option.level, option.name, wanted, &wanted_size) < 0 ||
	    getsockopt(to, option.level, option.name, current, &current_size) < 0)
		return;
	if (wanted_size == current_size && !memcmp(wanted, current, wanted_size))
		return;
	/* ignored: the other socket may be of a kind that has not got it */
	(void)setsockopt(to, option.level, option.name, wanted, wanted_size);
}

/* A size somebody has set; the kernel reports twice of what it was given. */
static void copy_buffer(int from, int to, int name, int lock)
{
	int locked = 0;
	int size = 0;
	socklen_t length = sizeof(int);

	if (getsockopt(from, SOL_SOCKET, SO_BUF_LOCK, &locked, &length) < 0 || !(locked & lock))
		return;
	length = sizeof(int);
	if (getsockopt(from, SOL_SOCKET, name, &size, &length) < 0)
		return;
	size /= 2;
	/* ignored: the same limit holds for both sockets */
	(void)setsockopt(to, SOL_SOCKET, name, &size, sizeof(size));
}

int socket_options_copy(int from, int to)
{
	enum { SEND_LOCKED = 1, RECEIVE_LOCKED = 2 };
	int flags = fcntl(from, F_GETFL);

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		copy_option(from, to, options[i]);
	copy_buffer(from, to, SO_SNDBUF, SEND_LOCKED);
	copy_buffer(from, to, SO_RCVBUF, RECEIVE_LOCKED);
	if (flags < 0 || fcntl(to, F_SETFL, flags & O_NONBLOCK) < 0)
		return -errno;
	return 0;
}
