/*
 * A message lies in the caller's memory in many pieces. They are gathered into one buffer, so that
 * what is sent is what was read. Descriptors and credentials cannot be sent on this way and are
 * refused, and so is a route of its own: the first address of one is where a message goes. Other
 * control data (packet info, segment sizes) goes along as it is.
 */
#include "messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../common/fd.h"
#include "broker.h"

enum { PIECES_MAX = 1024, BYTES_MAX = 1 << 20, CONTROL_MAX = 4096 };

int message_read(struct request *request, uint64_t at, struct message *message)
{
	int error = caller_read(&request->caller, at, &message->header, sizeof(message->header));

	message->peer.size = 0;
	if (error != 0)
		return error == -ESRCH ? ANSWER_NONE : -error;
	if (!message->header.msg_name || message->header.msg_namelen == 0)
		return 0;
	return peer_read(request, (uint64_t)(uintptr_t)message->header.msg_name,
			 message->header.msg_namelen, &message->peer);
}

bool message_is_performed(const struct request *request)
{
	ae_auto_fd int socket = socket_look(request);
	int type = 0;
	socklen_t size = sizeof(type);

	/* One that is not held here is no datagram socket of the internet. */
	if (socket < 0 && request->rules->makes_sockets)
		return false;
	/* What cannot be looked at is performed, which then fails with the reason. */
	return socket < 0 || getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	       (type != SOCK_STREAM && type != SOCK_SEQPACKET);
}

/* All pieces in one buffer the caller of this function frees. A size, or -errno. */
static ssize_t gather(const struct request *request, const struct msghdr *header, char **data)
{
	ae_auto_free struct iovec *pieces = NULL;
	size_t count = (size_t)header->msg_iovlen;
	size_t size = 0;
	size_t at = 0;
	int error;

	if (count > PIECES_MAX)
		return -EMSGSIZE;
	pieces = calloc(count + 1, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	error = caller_read(&request->caller, (uint64_t)(uintptr_t)header->msg_iov, pieces,
			    count * sizeof(*pieces));
	for (size_t i = 0; error == 0 && i < count; i++) {
		if (pieces[i].iov_len > BYTES_MAX - size)
			return -EMSGSIZE;
		size += pieces[i].iov_len;
	}
	*data = malloc(size + 1);
	if (!*data)
		return -ENOMEM;
	for (size_t i = 0; error == 0 && i < count; i++) {
		uint64_t from = (uint64_t)(uintptr_t)pieces[i].iov_base;

		if (pieces[i].iov_len)
			error = caller_read(&request->caller, from, *data + at, pieces[i].iov_len);
		at += pieces[i].iov_len;
	}
	return error ? error : (ssize_t)size;
}

bool message_is_led(const struct cmsghdr *part)
{
	/* Not named by every C library. */
	enum { ROUTING_HEADER_OF_OLD = 5 };

	if (part->cmsg_level == IPPROTO_IP)
		return part->cmsg_type == IP_RETOPTS;
	return part->cmsg_level == IPPROTO_IPV6 &&
	       (part->cmsg_type == IPV6_RTHDR || part->cmsg_type == ROUTING_HEADER_OF_OLD);
}

bool message_holds(const struct msghdr *header, const struct cmsghdr *part)
{
	const char *end = (const char *)header->msg_control + header->msg_controllen;
	size_t left = (size_t)(end - (const char *)part);

	return part->cmsg_len >= sizeof(*part) && part->cmsg_len <= left;
}

/* Both lengths of `header` are the kernel's size, whatever type they have here. */
ssize_t message_transmit(int socket, const struct msghdr *header, int flags)
{
	long sent = syscall(SYS_sendmsg, socket, header, flags);

	return sent < 0 ? -errno : sent;
}

static int read_control(const struct request *request, struct msghdr *header, char *control)
{
	struct cmsghdr *part;
	int error;

	if (header->msg_controllen > CONTROL_MAX)
		return ENOBUFS;
	if (header->msg_controllen == 0 || !header->msg_control) {
		header->msg_control = NULL;
		header->msg_controllen = 0;
		return 0;
	}
	error = caller_read(&request->caller, (uint64_t)(uintptr_t)header->msg_control, control,
			    header->msg_controllen);
	if (error != 0)
		return -error;
	header->msg_control = control;
	for (part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		if (!message_holds(header, part))
			return EINVAL;
		if (part->cmsg_level == SOL_SOCKET || message_is_led(part))
			return EPERM;
	}
	return 0;
}

int message_pack(struct request *request, const struct message *message, struct parcel *parcel)
{
	_Alignas(struct cmsghdr) char control[CONTROL_MAX];
	struct msghdr header = message->header;
	int answer = read_control(request, &header, control);
	ssize_t size;

	if (answer != 0)
		return answer;
	if (header.msg_controllen > sizeof(parcel->control))
		return ENOBUFS;
	memcpy(parcel->control, control, header.msg_controllen);
	parcel->control_size = header.msg_controllen;
	parcel->flags = (int)request_argument(request, request->call->flags);
	size = gather(request, &header, &parcel->data);
	if (size < 0)
		return (int)-size;
	parcel->size = (size_t)size;
	return 0;
}

int message_pack_sendto(struct request *request, struct parcel *parcel)
{
	size_t size = request->data->args[2];

	if (size > BYTES_MAX)
		return EMSGSIZE;
	parcel->data = malloc(size + 1);
	if (!parcel->data)
		return ENOMEM;
	parcel->size = size;
	parcel->flags = (int)request_argument(request, request->call->flags);
	if (size == 0)
		return 0;
	return caller_read(&request->caller, request->data->args[1], parcel->data, size) ? EFAULT
											 : 0;
}

int message_dispatch(const struct caller *caller, int socket, const struct parcel *parcel,
		     const struct peer *address)
{
	struct iovec piece = {parcel->data, parcel->size};
	struct msghdr header = {
		.msg_name = address ? (void *)(uintptr_t)&address->address : NULL,
		.msg_namelen = address ? address->size : 0,
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = parcel->control_size ? (void *)(uintptr_t)parcel->control : NULL,
		.msg_controllen = parcel->control_size,
	};
	ssize_t sent =
		message_transmit(socket, &header, parcel->flags | MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0)
		return sent == -EAGAIN ? -ENOBUFS : (int)sent;
	if (parcel->report_at == 0)
		return (int)sent;
	return message_report(caller, parcel->report_at, (size_t)sent) ? 1 : -EFAULT;
}

ssize_t message_send(struct request *request, const struct message *message, int *answer)
{
	_Alignas(struct cmsghdr) char control[CONTROL_MAX];
	struct msghdr header = message->header;
	struct msghdr whole;
	struct sockaddr_storage address;
	ae_auto_free char *data = NULL;
	ssize_t size = gather(request, &header, &data);
	struct iovec piece = {data, size < 0 ? 0 : (size_t)size};
	ae_auto_fd int socket = -1;
	ssize_t sent;

	*answer = size < 0 ? (int)-size : read_control(request, &header, control);
	if (*answer != 0)
		return -1;
	socket = socket_take(request, answer);
	if (*answer != 0)
		return -1;
	/* Made anew: what the caller's has between its members would be sizes to the kernel. */
	whole = (struct msghdr){
		.msg_namelen = peer_address(request, &message->peer, &address),
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = header.msg_control,
		.msg_controllen = header.msg_controllen,
	};
	whole.msg_name = whole.msg_namelen ? &address : NULL;
	sent = message_transmit(socket, &whole,
				(int)request_argument(request, request->call->flags) |
					MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		*answer = sent == -EAGAIN ? ENOBUFS : (int)-sent;
	return sent;
}

bool message_report(const struct caller *caller, uint64_t at, size_t sent)
{
	unsigned int length = (unsigned int)sent;
	struct iovec local = {&length, sizeof(length)};
	struct iovec remote = {(void *)(uintptr_t)(at + offsetof(struct mmsghdr, msg_len)),
			       sizeof(length)};

	return process_vm_writev(caller->tid, &local, 1, &remote, 1, 0) == sizeof(length);
}
