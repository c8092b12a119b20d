/*
 * Messages of fixed size over a socket pair that keeps their borders, with descriptors beside them.
 * Both ends belong to the helper; a message of another size means that one of them is broken.
 */
#include "outside_link.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fd.h"

int link_send(int link, const void *data, size_t size, const int *fds, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(LINK_FDS_MAX * sizeof(int))];
	} control;
	struct iovec piece = {(void *)(uintptr_t)data, size};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	ssize_t sent;

	if (count > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	do {
		sent = sendmsg(link, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == size ? 0 : -EPROTO;
}

static void take_fds(struct msghdr *message, struct link_fds *fds)
{
	struct cmsghdr *part;
	size_t count = 0;

	for (part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		size_t given = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < given; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
			/* What fills a part up has room for one more, which nobody would close. */
			if (count == LINK_FDS_MAX)
				close(fd);
			else
				fds->fd[count++] = fd;
		}
	}
}

int link_receive(int link, void *data, size_t size, struct link_fds *fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(LINK_FDS_MAX * sizeof(int))];
	} control;
	struct iovec piece = {data, size};
	struct msghdr message = {
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got;

	for (size_t i = 0; i < LINK_FDS_MAX; i++)
		fds->fd[i] = -1;
	got = recvmsg(link, &message, MSG_CMSG_CLOEXEC);
	if (got < 0)
		return -errno;
	take_fds(&message, fds);
	if ((size_t)got == size && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 0;
	link_close(fds);
	return got == 0 ? -EPIPE : -EPROTO;
}

void link_close(struct link_fds *fds)
{
	for (size_t i = 0; i < LINK_FDS_MAX; i++)
		fd_close_at(&fds->fd[i]);
}

socklen_t outside_sockaddr(const struct outside_address *address, uint8_t socket_family,
			   struct sockaddr_storage *storage)
{
	struct sockaddr_in *in = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof(*storage));
	if (socket_family == 4) {
		if (address->family != 4)
			return 0;
		in->sin_family = AF_INET;
		in->sin_port = htons(address->port);
		memcpy(&in->sin_addr, address->bytes, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(address->port);
	if (address->family == 6) {
		memcpy(&in6->sin6_addr, address->bytes, 16);
	} else {
		in6->sin6_addr.s6_addr[10] = 0xff;
		in6->sin6_addr.s6_addr[11] = 0xff;
		memcpy(&in6->sin6_addr.s6_addr[12], address->bytes, 4);
	}
	return sizeof(*in6);
}
