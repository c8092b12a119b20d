/*
 * The broker's side. Each question brings the socket on which it is answered, so that answers need
 * no order, and so that closing it tells the service that nobody waits any more.
 */
#include <errno.h>
#include <unistd.h>

#include "../common/fd.h"
#include "outside_link.h"

int outside_ask(int link, const struct outside_request *request)
{
	struct link_fds fds;
	int32_t error = 0;
	int pair[2];
	int result;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	result = link_send(link, request, sizeof(*request), &pair[1], 1);
	close(pair[1]);
	if (result == 0)
		result = link_receive(pair[0], &error, sizeof(error), &fds);
	close(pair[0]);
	if (result == -EINTR)
		return result;
	/* Without the service there is no way out, and nobody who would say so in more words. */
	if (result != 0)
		return -EACCES;
	if (error < 0 || fds.fd[0] < 0) {
		link_close(&fds);
		return error < 0 ? error : -EACCES;
	}
	return fds.fd[0];
}

int outside_serve_names(int link, int datagram, int stream)
{
	struct outside_request request = {.kind = OUTSIDE_SERVE_NAMES};
	const int fds[] = {datagram, stream};

	return link_send(link, &request, sizeof(request), fds, 2);
}
