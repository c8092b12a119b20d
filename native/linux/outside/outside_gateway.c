/*
 * The preamble is written in one piece into a fresh connection, so it never waits. The answer is
 * waited for together with the asker's end: who has given up must not keep a thread.
 */
#include "outside_gateway.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/wire.h"
#include "outside_link.h"

enum {
	PREAMBLE_VERSION = 1,
	PREAMBLE_MAX = 100 + AE_PATH_MAX,
	FLAG_NO_WAIT = 1,
	FLAG_FOR_ANOTHER = 2,
	FLAG_FOUR = 4,
	/* The gateway listens on this machine: what takes longer does not come. */
	CONNECT_MS = 10000,
};

static const struct outside_address loopback = {.family = 4, .bytes = {127, 0, 0, 1}};

static struct plan_gateway gateway;

void gateway_init(const struct plan_gateway *given)
{
	gateway = *given;
}

/* `from` is where another connection comes from that this one speaks for; NULL for itself. */
static size_t write_preamble(const struct outside_request *request,
			     const struct outside_address *from, unsigned char *data)
{
	uint8_t flags = (request->no_wait ? FLAG_NO_WAIT : 0) | (from ? FLAG_FOR_ANOTHER : 0) |
			(request->socket_family == 4 ? FLAG_FOUR : 0);
	size_t at = 4;

	memcpy(data, "AEGG", at);
	at = wire_u8(data, at, PREAMBLE_VERSION);
	at = wire_u8(data, at, request->kind);
	at = wire_u8(data, at, flags);
	at = wire_u8(data, at, 0);
	memcpy(data + at, gateway.token, sizeof(gateway.token));
	at += sizeof(gateway.token);
	at = wire_u32(data, at, request->pid);
	at = wire_u16(data, at, request->address.port);
	at = wire_u8(data, at, request->address.family);
	at = wire_u8(data, at, 0);
	memcpy(data + at, request->address.bytes, sizeof(request->address.bytes));
	at += sizeof(request->address.bytes);
	at = wire_str(data, at, request->exe, request->exe_size);
	if (!from)
		return at;
	at = wire_u8(data, at, from->family);
	at = wire_u8(data, at, 0);
	at = wire_u16(data, at, from->port);
	memcpy(data + at, from->bytes, sizeof(from->bytes));
	return at + sizeof(from->bytes);
}

/* A socket of the wanted family connected to the loopback of the host. */
static int connect_loopback(uint8_t family, int type, uint16_t port)
{
	struct outside_address address = loopback;
	struct sockaddr_storage storage;
	ae_auto_fd int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	socklen_t size;

	address.port = port;
	size = outside_sockaddr(&address, family, &storage);
	if (fd < 0 || connect(fd, (struct sockaddr *)&storage, size) < 0)
		return -errno;
	return fd_steal(&fd);
}

static int open_for(const struct outside_request *request, const struct outside_address *from)
{
	unsigned char data[PREAMBLE_MAX];
	ae_auto_fd int fd = connect_loopback(request->socket_family, SOCK_STREAM, gateway.port);
	size_t size = write_preamble(request, from, data);
	int error;

	if (fd < 0)
		return -EACCES;
	error = fd_write_all(fd, data, size);
	return error ? -EACCES : fd_steal(&fd);
}

int gateway_open(const struct outside_request *request)
{
	return open_for(request, NULL);
}

/* 0 when there is something to read. An asker that shuts its end down has given up as well. */
static int wait_for(int connection, int asker)
{
	struct pollfd waits[] = {{.fd = connection, .events = POLLIN},
				 {.fd = asker, .events = POLLRDHUP}};

	while (poll(waits, 2, -1) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return waits[1].revents ? -EINTR : 0;
}

/* A gateway that says nothing has decided nothing: refused. */
static int read_exactly(int connection, int asker, unsigned char *data, size_t size)
{
	size_t used = 0;

	while (used < size) {
		int error = wait_for(connection, asker);
		ssize_t got;

		if (error != 0)
			return error;
		got = fd_read(connection, data + used, size - used);
		if (got <= 0)
			return -EACCES;
		used += (size_t)got;
	}
	return 0;
}

int gateway_await(int connection, int asker)
{
	unsigned char verdict;
	int error = read_exactly(connection, asker, &verdict, 1);

	return error ? error : -verdict;
}

int gateway_read_address(int connection, int asker, struct outside_address *address)
{
	unsigned char data[19];
	int error = read_exactly(connection, asker, data, sizeof(data));

	if (error != 0)
		return error;
	address->family = data[0];
	memcpy(address->bytes, data + 1, sizeof(address->bytes));
	memcpy(&address->port, data + 17, sizeof(address->port));
	return address->family == 4 || address->family == 6 ? 0 : -EACCES;
}

static uint16_t local_port(int fd)
{
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);

	if (getsockname(fd, (struct sockaddr *)&storage, &size) < 0)
		return 0;
	/* The port stands at the same place in both families. */
	return ntohs(((struct sockaddr_in *)&storage)->sin_port);
}

/* Where the gateway sees it come from. */
static int read_source(int socket, struct outside_address *from)
{
	struct sockaddr_storage storage;
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
	socklen_t size = sizeof(storage);

	memset(from, 0, sizeof(*from));
	if (getsockname(socket, (struct sockaddr *)&storage, &size) < 0)
		return -errno;
	from->port = ntohs(in->sin_port);
	from->family = 4;
	if (storage.ss_family == AF_INET) {
		memcpy(from->bytes, &in->sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(from->bytes, &in6->sin6_addr.s6_addr[12], 4);
	} else {
		from->family = 6;
		memcpy(from->bytes, &in6->sin6_addr, 16);
	}
	return 0;
}

/* As a connection that nobody asked for; what its end left behind is nobody's error. */
static void disconnect(int socket)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	socklen_t size = sizeof(int);
	int error;

	/* ignored: whoever uses it next is told */
	(void)connect(socket, &none, sizeof(none));
	(void)getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
}

static bool takes_only_six(int socket)
{
	socklen_t size = sizeof(int);
	int only = 0;

	return getsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 && only;
}

/* Whether or not its owner waits for connections. */
static int connect_socket(int socket, uint8_t family)
{
	struct outside_address address = loopback;
	struct pollfd wait = {.fd = socket, .events = POLLOUT};
	struct sockaddr_storage storage;
	socklen_t size;
	int error;

	if (family == 6 && takes_only_six(socket))
		address = (struct outside_address){.family = 6, .bytes = {[15] = 1}};
	address.port = gateway.port;
	size = outside_sockaddr(&address, family, &storage);
	if (connect(socket, (struct sockaddr *)&storage, size) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(&wait, 1, CONNECT_MS) != 1)
		return -ETIMEDOUT;
	size = sizeof(error);
	return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

int gateway_connect(const struct outside_request *request, int socket, int asker)
{
	struct outside_address from;
	ae_auto_fd int asked = -1;
	int error = connect_socket(socket, request->socket_family);

	if (error == 0)
		error = read_source(socket, &from);
	if (error == 0) {
		asked = open_for(request, &from);
		error = asked < 0 ? asked : gateway_await(asked, asker);
	}
	if (error != 0)
		disconnect(socket);
	return error;
}

int gateway_introduce(const struct outside_request *request, int socket, int asker,
		      struct outside_address *address)
{
	struct outside_request introduction = *request;
	ae_auto_fd int asked = -1;

	introduction.kind = OUTSIDE_RESOLVER;
	introduction.address.port = local_port(socket);
	*address = loopback;
	address->port = gateway.resolver_port;
	asked = gateway_open(&introduction);
	return asked < 0 ? asked : gateway_await(asked, asker);
}

int gateway_open_resolver(const struct outside_request *request, int asker)
{
	ae_auto_fd int fd =
		connect_loopback(request->socket_family, SOCK_DGRAM, gateway.resolver_port);
	struct outside_address address;
	int error = fd < 0 ? -EACCES : gateway_introduce(request, fd, asker, &address);

	return error ? error : fd_steal(&fd);
}
