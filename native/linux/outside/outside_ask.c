/*
 * The broker's side. Each question brings the socket on which it is answered, so that answers need
 * no order, and so that closing it tells the service that nobody waits any more.
 */
#include <errno.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "outside_link.h"

int outside_ask(int link, const struct outside_request *request)
{
	struct outside_reply reply;
	struct link_fds fds;
	int pair[2];
	int result;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	result = link_send(link, request, sizeof(*request), &pair[1], 1);
	close(pair[1]);
	if (result == 0)
		result = link_receive(pair[0], &reply, sizeof(reply), &fds);
	close(pair[0]);
	if (result == -EINTR)
		return result;
	/* Without the service there is no way out, and nobody who would say so in more words. */
	if (result != 0)
		return -EACCES;
	if (reply.error < 0 || fds.fd[0] < 0) {
		link_close(&fds);
		return reply.error < 0 ? reply.error : -EACCES;
	}
	return fds.fd[0];
}

/* The service leaves the socket as it was, and only then the caller may connect it again. */
static int take_back(int own, struct outside_reply *reply)
{
	struct link_fds fds;
	int result;

	shutdown(own, SHUT_WR);
	do {
		result = link_receive(own, reply, sizeof(*reply), &fds);
	} while (result == -EINTR);
	if (result == 0)
		link_close(&fds);
	/* It may just have been connected: then that is what the signal did not interrupt. */
	return result == 0 && reply->error == 0 ? 0 : -EINTR;
}

static int ask_on_own(int link, const struct outside_request *request, int socket,
		      struct outside_reply *reply)
{
	ae_auto_fd int own = -1;
	struct link_fds fds;
	int pair[2];
	int result;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	own = pair[0];
	result = link_send(link, request, sizeof(*request), (const int[]){pair[1], socket}, 2);
	close(pair[1]);
	if (result == 0)
		result = link_receive(own, reply, sizeof(*reply), &fds);
	if (result == -EINTR)
		return take_back(own, reply);
	if (result != 0)
		return -EACCES;
	link_close(&fds);
	return reply->error;
}

int outside_connect(int link, const struct outside_request *request, int socket,
		    struct outside_address *peer)
{
	struct outside_reply reply;
	int error = ask_on_own(link, request, socket, &reply);

	if (error == 0)
		*peer = reply.address;
	return error;
}

int outside_serve_names(int link, int datagram, int stream)
{
	struct outside_request request = {.kind = OUTSIDE_SERVE_NAMES};
	const int fds[] = {datagram, stream};

	return link_send(link, &request, sizeof(request), fds, 2);
}
