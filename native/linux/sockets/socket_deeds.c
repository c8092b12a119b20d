/*
 * The broker works on a duplicate of the caller's socket: what it does to it is done to the
 * caller's, and no second reading of the address can change the peer. A path socket is reached
 * through the object that was judged. The other side of a path socket sees the broker's process id
 * as its peer's.
 */
#include "socket_deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "../answer/jobs.h"
#include "held.h"
#include "messages.h"
#include "serve.h"

bool peer_is_path(const struct peer *peer)
{
	return peer->size > offsetof(struct sockaddr_un, sun_path) &&
	       peer->address.any.sa_family == AF_UNIX && peer->address.un.sun_path[0] != 0;
}

int peer_read(struct request *request, uint64_t at, uint64_t size, struct peer *peer)
{
	int error;

	memset(peer, 0, sizeof(*peer));
	if ((int32_t)size < 0 || (uint32_t)size > sizeof(peer->address))
		return EINVAL;
	peer->size = (socklen_t)size;
	error = caller_read(&request->caller, at, peer->address.bytes, peer->size);
	if (error == -ESRCH)
		return ANSWER_NONE;
	return -error;
}

uint8_t socket_protocol(int socket)
{
	int protocol = 0;
	socklen_t size = sizeof(protocol);
	int family = 0;

	if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0 ||
	    (family != AF_INET && family != AF_INET6) ||
	    getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
		return 0;
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_MPTCP:
		return IPPROTO_TCP;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return IPPROTO_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return IPPROTO_ICMP;
	default:
		return 0;
	}
}

int socket_look(const struct request *request)
{
	int number = (int)request->data->args[0];

	return request->rules->makes_sockets ? held_take(&request->caller, number)
					     : caller_take_fd(&request->caller, number);
}

int socket_refusal(int error)
{
	switch (-error) {
	case ESRCH:
		return ANSWER_NONE;
	case EBADF:
	case ENOTSOCK:
	case EISCONN:
		return -error;
	case EALREADY:
		return EISCONN;
	default:
		return EACCES;
	}
}

int socket_take(const struct request *request, int *answer)
{
	int socket = socket_look(request);

	*answer = 0;
	if (socket < 0)
		*answer = socket_refusal(socket);
	else if (socket_protocol(socket) != request->protocol)
		*answer = EBADF;
	else
		*answer = broker_confirm(request);
	return socket;
}

socklen_t peer_address(const struct request *request, const struct peer *peer,
		       struct sockaddr_storage *address)
{
	struct sockaddr_un *un = (struct sockaddr_un *)address;

	memcpy(address, &peer->address, peer->size);
	if (!peer_is_path(peer))
		return peer->size;
	snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d",
		 request->first.at.target.fd);
	return sizeof(*un);
}

static bool may_wait(int socket)
{
	int flags = fcntl(socket, F_GETFL);
	int type = 0;
	socklen_t size = sizeof(type);

	if (flags < 0 || (flags & O_NONBLOCK))
		return false;
	return getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type != SOCK_DGRAM;
}

/*
 * Who does not wait is told EINPROGRESS, and nobody hears how it ended. Asking again for the same
 * connection is no second attempt.
 */
static void note_call(struct request *request, int answer)
{
	request->has_called = request->protocol != 0 && answer != EALREADY && answer != EISCONN;
}

int socket_connect_judged(const struct request *request, int socket)
{
	const struct peer path = {
		.address.un = {.sun_family = AF_UNIX, .sun_path = "/"},
		.size = sizeof(path.address.un),
	};
	struct sockaddr_storage address;
	socklen_t size = peer_address(request, &path, &address);
	int result = connect(socket, (struct sockaddr *)&address, size) < 0 ? -errno : 0;

	held_settle(socket);
	return result;
}

int socket_connect(struct request *request, const struct peer *peer)
{
	int answer;
	ae_auto_fd int socket = socket_take(request, &answer);

	return answer ? answer : socket_connect_on(request, peer, fd_steal(&socket));
}

int socket_connect_on(struct request *request, const struct peer *peer, int taken)
{
	struct job job = {.caller = request->caller, .fd = -1, .held = -1};
	ae_auto_fd int socket = taken;
	int answer;

	job.address_size = peer_address(request, peer, &job.address);
	if (!may_wait(socket)) {
		const struct sockaddr *address = (const struct sockaddr *)&job.address;

		answer = connect(socket, address, job.address_size) < 0 ? errno : ANSWER_DONE;
		note_call(request, answer);
		held_settle(socket);
		return answer;
	}
	job.fd = fd_steal(&socket);
	if (peer_is_path(peer))
		job.held = fd_steal(&request->first.at.target.fd);
	answer = jobs_start(&job);
	return answer ? answer : ANSWER_SENT;
}

/*
 * The name is given as the caller gave it, because getsockname must say the same. It is looked up
 * again here, which only a link swapped from outside the calls that go through the broker could
 * turn elsewhere: that is seen by the socket not being where it was judged to be.
 */
static int bind_path(const struct request *request, int socket, const struct peer *peer)
{
	const struct target *target = &request->first.at.target;
	const char *name = request->first.at.target.path + target->size;
	ae_auto_fd int directory = -1;
	struct stat status;
	char cwd[64];
	int error;

	snprintf(cwd, sizeof(cwd), "/proc/%d/cwd", (int)request->caller.tid);
	directory = open(cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || fchdir(directory) < 0)
		return EACCES;
	error = broker_confirm_umask(request);
	if (error == 0 && bind(socket, &peer->address.any, peer->size) < 0)
		error = errno;
	if (chdir("/") < 0)
		return EACCES;
	if (error != 0)
		return error;
	while (name[-1] != '/')
		name--;
	if (fstatat(target->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISSOCK(status.st_mode))
		return EACCES;
	return ANSWER_DONE;
}

int socket_bind(struct request *request, const struct peer *peer)
{
	int answer;
	ae_auto_fd int socket = socket_take(request, &answer);

	if (answer != 0)
		return answer;
	if (peer_is_path(peer))
		return bind_path(request, socket, peer);
	answer = bind(socket, &peer->address.any, peer->size) < 0 ? errno : ANSWER_DONE;
	/* Somebody may have had the address who has closed his socket by now. */
	if (answer != EADDRINUSE || !request->rules->makes_sockets)
		return answer;
	held_forget();
	return bind(socket, &peer->address.any, peer->size) < 0 ? errno : ANSWER_DONE;
}

/* The port of an internet socket, 0 for none. */
static in_port_t port_of(int socket)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t size = sizeof(address);

	if (getsockname(socket, (struct sockaddr *)&address, &size) < 0 ||
	    (address.ss_family != AF_INET && address.ss_family != AF_INET6))
		return 0;
	return ((struct sockaddr_in *)&address)->sin_port;
}

int socket_listen(struct request *request, bool keeps_port)
{
	int answer;
	ae_auto_fd int socket = socket_take(request, &answer);
	in_port_t port;

	if (answer != 0)
		return answer;
	if (request->rules->outside >= 0 && request->rules->own_network)
		return serve_listen(request, fd_steal(&socket));
	port = port_of(socket);
	if (listen(socket, (int)request->data->args[1]) < 0)
		return errno;
	/* It had told a port that was not its own any more, and took one nothing was judged for. */
	if (keeps_port && port_of(socket) != port) {
		shutdown(socket, SHUT_RDWR);
		return EACCES;
	}
	held_settle(socket);
	return ANSWER_DONE;
}

/* Never waits here: a full queue is ENOBUFS, which senders of datagrams have to expect anyway. */
int socket_send(struct request *request, const struct peer *peer)
{
	struct parcel parcel = {.report_at = 0};
	int answer = message_pack_sendto(request, &parcel);
	ae_auto_free char *data = parcel.data;
	struct outgoing outgoing = {.data = data, .size = parcel.size};
	struct sockaddr_storage address;
	ae_auto_fd int socket = -1;
	ssize_t sent;

	if (answer != 0)
		return answer;
	socket = socket_take(request, &answer);
	if (answer != 0)
		return answer;
	outgoing.address = &address;
	outgoing.address_size = peer_address(request, peer, &address);
	sent = message_transmit(socket, &outgoing, parcel.flags | MSG_DONTWAIT);
	if (sent < 0)
		return sent == -EAGAIN ? ENOBUFS : (int)-sent;
	return broker_reply(&request->caller, (int)sent) ? ANSWER_SENT : ANSWER_NONE;
}
