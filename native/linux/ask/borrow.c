/*
 * Each question has a socket pair of its own, whose end tells the lender that nobody waits any
 * more. A deed takes two messages: when a person has said yes the broker, which holds everybody
 * else's names still meanwhile, says when.
 */
#include "borrow.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../outside/outside_link.h"

/* Our end, after the request went out; or -errno. */
static int send_request(int link, int first, int second, const struct lend_request *request)
{
	int pair[2];
	int error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	error = link_send(link, request, sizeof(*request), (const int[]){pair[1], first, second},
			  second < 0 ? 2 : 3);
	close(pair[1]);
	if (error == 0)
		return pair[0];
	close(pair[0]);
	return error;
}

int borrow_open(int link, int object, const struct lend_request *request, uint32_t *verdict)
{
	struct lend_reply reply = {.error = -EACCES, .verdict = LEND_UNASKED};
	ae_auto_fd int socket = send_request(link, object, -1, request);
	struct link_fds fds;
	int error;

	*verdict = LEND_UNASKED;
	if (socket < 0)
		return -EACCES;
	error = link_receive(socket, &reply, sizeof(reply), &fds);
	if (error == -EINTR)
		return error;
	if (error != 0)
		return -EACCES;
	*verdict = reply.verdict;
	if (reply.error == 0 && fds.fd[0] >= 0)
		return fds.fd[0];
	link_close(&fds);
	return reply.error < 0 ? reply.error : -EACCES;
}

int borrow_ask(int link, int first, int second, const struct lend_request *request,
	       struct lend_reply *reply, int *socket)
{
	ae_auto_fd int own = send_request(link, first, second, request);
	struct link_fds fds;
	int error;

	reply->count = 0;
	if (own < 0)
		return -EACCES;
	error = link_receive(own, reply, sizeof(*reply), &fds);
	if (error == -EINTR)
		return error;
	if (error != 0 || reply->count > LEND_PARTS_MAX) {
		reply->count = 0;
		return -EACCES;
	}
	link_close(&fds);
	if (reply->error == 0)
		*socket = fd_steal(&own);
	return reply->error;
}

int borrow_have_done(int socket, const void *value, uint32_t size)
{
	struct lend_reply reply;
	struct link_fds fds;
	int error = link_send(socket, size ? value : "", size ? size : 1, NULL, 0);

	if (error == 0)
		error = link_receive(socket, &reply, sizeof(reply), &fds);
	if (error != 0)
		return -EACCES;
	if (reply.error == 0 && fds.fd[0] >= 0)
		return fds.fd[0];
	link_close(&fds);
	return reply.error;
}
