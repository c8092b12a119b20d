/* What travels between the broker and the outside service; outside.h is the interface. */
#ifndef AE_OUTSIDE_LINK_H
#define AE_OUTSIDE_LINK_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "outside.h"

enum { LINK_FDS_MAX = 3 };

/* Descriptors that come with a message; -1 where there is none. Owned by who received them. */
struct link_fds {
	int fd[LINK_FDS_MAX];
};

/* The answer to a question; a descriptor comes with it when one was asked for. */
struct outside_reply {
	/* 0 or a negative errno for the caller. */
	int32_t error;
	/* What a caller's own socket for datagrams is connected to. */
	struct outside_address address;
};

/* 0 or -errno. */
int link_send(int link, const void *data, size_t size, const int *fds, size_t count);
/* Exactly `size` bytes or -EPROTO; 0, -EPIPE at the end, or -errno; -EINTR is not retried. */
int link_receive(int link, void *data, size_t size, struct link_fds *fds);
void link_close(struct link_fds *fds);

/* The address for a socket of `socket_family` (4 or 6), or 0 when it cannot reach it. */
socklen_t outside_sockaddr(const struct outside_address *address, uint8_t socket_family,
			   struct sockaddr_storage *storage);

#endif
