/*
 * The preamble is written in one piece into a fresh connection, so it never waits. The answer is
 * waited for together with the asker's end: who has given up must not keep a thread.
 */
#include "outside_gateway.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../common/fd.h"
#include "../common/wire.h"
#include "outside_link.h"

enum { PREAMBLE_VERSION = 1, PREAMBLE_MAX = 80 + AE_PATH_MAX, FLAG_NO_WAIT = 1 };

static const struct outside_address loopback = {.family = 4, .bytes = {127, 0, 0, 1}};

static struct plan_gateway gateway;

void gateway_init(const struct plan_gateway *given)
{
	gateway = *given;
}

static size_t write_preamble(const struct outside_request *request, unsigned char *data)
{
	size_t at = 4;

	memcpy(data, "AEGG", at);
	at = wire_u8(data, at, PREAMBLE_VERSION);
	at = wire_u8(data, at, request->kind);
	at = wire_u8(data, at, request->no_wait ? FLAG_NO_WAIT : 0);
	at = wire_u8(data, at, 0);
	memcpy(data + at, gateway.token, sizeof(gateway.token));
	at += sizeof(gateway.token);
	at = wire_u32(data, at, request->pid);
	at = wire_u16(data, at, request->address.port);
	at = wire_u8(data, at, request->address.family);
	at = wire_u8(data, at, 0);
	memcpy(data + at, request->address.bytes, sizeof(request->address.bytes));
	at += sizeof(request->address.bytes);
	return wire_str(data, at, request->exe, request->exe_size);
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

int gateway_open(const struct outside_request *request)
{
	unsigned char data[PREAMBLE_MAX];
	ae_auto_fd int fd = connect_loopback(request->socket_family, SOCK_STREAM, gateway.port);
	size_t size = write_preamble(request, data);
	int error;

	if (fd < 0)
		return -EACCES;
	error = fd_write_all(fd, data, size);
	return error ? -EACCES : fd_steal(&fd);
}

/* 0 when there is something to read. */
static int wait_for(int connection, int asker)
{
	struct pollfd waits[] = {{.fd = connection, .events = POLLIN}, {.fd = asker}};

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

int gateway_open_resolver(const struct outside_request *request, int asker)
{
	struct outside_request introduction = *request;
	ae_auto_fd int fd =
		connect_loopback(request->socket_family, SOCK_DGRAM, gateway.resolver_port);
	ae_auto_fd int asked = -1;
	int error;

	if (fd < 0)
		return -EACCES;
	introduction.kind = OUTSIDE_RESOLVER;
	introduction.address.port = local_port(fd);
	asked = gateway_open(&introduction);
	error = asked < 0 ? asked : gateway_await(asked, asker);
	return error ? error : fd_steal(&fd);
}
