/*
 * No call takes a shutdown of UDP back. The caller's socket is connected, and the kernel gives an
 * arriving message to the connected one of two sockets with a port; the other is bound to any
 * address and lives as long as one message takes. Whose port is its own before it may be shared
 * gets none that somebody shares already.
 */
#include "datagrams.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../outside/outside_link.h"
#include "control.h"
#include "socket_options.h"

static pthread_once_t tried = PTHREAD_ONCE_INIT;
static bool holds;

static socklen_t any_of(uint8_t family, uint16_t port, struct sockaddr_storage *storage)
{
	const struct outside_address any = {.family = family, .port = port};

	return outside_sockaddr(&any, family, storage);
}

static void shut(int socket)
{
	/* ignored: it says that nobody is connected, and shuts it all the same; try() looks */
	(void)shutdown(socket, SHUT_WR);
}

/* To a port of our own, which nothing may arrive at. */
static void try(void)
{
	ae_auto_fd int from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ae_auto_fd int into = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr *address = (struct sockaddr *)&in;
	socklen_t size = sizeof(in);

	if (from < 0 || into < 0 || bind(into, address, size) < 0 ||
	    getsockname(into, address, &size) < 0)
		return;
	shut(from);
	holds = sendto(from, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT, address, size) < 0 &&
		errno == EPIPE;
}

bool datagram_mute(int socket)
{
	pthread_once(&tried, try);
	shut(socket);
	return holds;
}

/* Its own end of the connection; port 0: it has none. */
static bool read_name(int socket, int (*name)(int, struct sockaddr *, socklen_t *),
		      struct outside_address *to)
{
	struct sockaddr_storage storage;
	const struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	const struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
	socklen_t size = sizeof(storage);
	bool is_mapped;

	memset(to, 0, sizeof(*to));
	if (name(socket, (struct sockaddr *)&storage, &size) < 0)
		return false;
	to->port = ntohs(in->sin_port);
	is_mapped = storage.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
	to->family = storage.ss_family == AF_INET || is_mapped ? 4 : 6;
	if (storage.ss_family == AF_INET)
		memcpy(to->bytes, &in->sin_addr, 4);
	else
		memcpy(to->bytes, &in6->sin6_addr.s6_addr[is_mapped ? 12 : 0], is_mapped ? 4 : 16);
	return true;
}

bool datagram_peer(int socket, struct outside_address *to)
{
	return read_name(socket, getpeername, to);
}

static int share_port(int socket, int on)
{
	return setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int disconnect(int socket)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct outside_address to;

	if (!datagram_peer(socket, &to))
		return 0;
	return connect(socket, &none, sizeof(none)) < 0 ? -errno : 0;
}

/* A port nobody asked for is lost with the connection: it is taken again. */
int datagram_take_port(int socket, uint8_t family)
{
	struct sockaddr_storage storage;
	struct outside_address had;
	struct outside_address has;
	socklen_t size;
	int error;

	if (!read_name(socket, getsockname, &had))
		return -errno;
	error = disconnect(socket);
	if (error != 0)
		return error;
	if (!read_name(socket, getsockname, &has))
		return -errno;
	if (has.port == 0) {
		size = any_of(family, had.port, &storage);
		error = share_port(socket, 0);
		if (error == 0 && bind(socket, (struct sockaddr *)&storage, size) < 0)
			error = -errno;
	}
	return error ? error : share_port(socket, 1);
}

int datagram_connect(int socket, uint8_t family, const struct outside_address *to)
{
	struct sockaddr_storage storage;
	socklen_t size = outside_sockaddr(to, family, &storage);

	if (size == 0)
		return -ENETUNREACH;
	return connect(socket, (struct sockaddr *)&storage, size) < 0 ? -errno : 0;
}

/* The last of several counts, so that what is sent comes from where answers are awaited. */
static int add_source(struct parcel *parcel, int domain, const struct outside_address *own)
{
	bool is_four = domain == AF_INET;
	struct sockaddr_storage storage;
	struct in_pktinfo four = {.ipi_ifindex = 0};
	struct in6_pktinfo six = {.ipi6_ifindex = 0};

	memcpy(&four.ipi_spec_dst, own->bytes, sizeof(four.ipi_spec_dst));
	outside_sockaddr(own, 6, &storage);
	six.ipi6_addr = ((struct sockaddr_in6 *)&storage)->sin6_addr;
	return control_add(parcel->control, &parcel->control_size, sizeof(parcel->control),
			   is_four ? IPPROTO_IP : IPPROTO_IPV6, is_four ? IP_PKTINFO : IPV6_PKTINFO,
			   is_four ? (void *)&four : (void *)&six,
			   is_four ? sizeof(four) : sizeof(six))
		       ? 0
		       : -ENOBUFS;
}

static void copy_only_six(int from, int into)
{
	int only;
	socklen_t size = sizeof(only);

	/* ignored: then the port is another's, and binding says so */
	if (getsockopt(from, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0)
		(void)setsockopt(into, IPPROTO_IPV6, IPV6_V6ONLY, &only, size);
}

static int open_sender(int socket_fd, int domain, const struct outside_address *own)
{
	ae_auto_fd int sender = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage storage;
	socklen_t size = any_of(domain == AF_INET ? 4 : 6, own->port, &storage);
	int error;

	if (sender < 0)
		return -errno;
	error = socket_options_copy(socket_fd, sender);
	if (error == 0)
		error = share_port(sender, 1);
	copy_only_six(socket_fd, sender);
	if (error == 0 && bind(sender, (struct sockaddr *)&storage, size) < 0)
		error = -errno;
	return error ? error : fd_steal(&sender);
}

int datagram_send(const struct caller *caller, int socket, const struct parcel *parcel,
		  const struct outside_address *to)
{
	struct parcel addressed = *parcel;
	struct outside_address own;
	struct sockaddr_storage storage;
	ae_auto_fd int sender = -1;
	struct peer peer = {.size = 0};
	int domain = 0;
	socklen_t size = sizeof(domain);
	int error;

	/* The other socket is gone when more of it comes. */
	if (parcel->flags & MSG_MORE)
		return -EOPNOTSUPP;
	if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
	    !read_name(socket, getsockname, &own))
		return -errno;
	error = add_source(&addressed, domain, &own);
	if (error != 0)
		return error;
	sender = open_sender(socket, domain, &own);
	if (sender < 0)
		return sender;
	peer.size = outside_sockaddr(to, domain == AF_INET ? 4 : 6, &storage);
	memcpy(&peer.address, &storage, peer.size);
	return message_dispatch(caller, sender, &addressed, &peer);
}
