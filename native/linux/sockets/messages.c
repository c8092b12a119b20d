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
#include <sys/uio.h>

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "control.h"

/* Far above what a datagram can hold. */
enum { PIECES_MAX = 1024, BYTES_MAX = 1 << 20, CONTROL_MAX = 4096 };

int message_read(struct request *request, uint64_t at, struct message *message)
{
	int error = caller_read(&request->caller, at, &message->header, sizeof(message->header));

	message->peer.size = 0;
	if (error != 0)
		return error == -ESRCH ? ANSWER_NONE : -error;
	if (!message->header.name || message->header.name_size == 0)
		return 0;
	return peer_read(request, message->header.name, message->header.name_size, &message->peer);
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
static ssize_t gather(const struct request *request, const struct uapi_message *header, char **data)
{
	ae_auto_free struct iovec *pieces = NULL;
	uint64_t count = header->piece_count;
	size_t size = 0;
	size_t at = 0;
	int error;

	if (count > PIECES_MAX)
		return -EMSGSIZE;
	pieces = calloc(count + 1, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	error = caller_read(&request->caller, header->pieces, pieces, count * sizeof(*pieces));
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

static int read_control(const struct request *request, const struct uapi_message *header,
			unsigned char control[CONTROL_MAX], size_t *size)
{
	int error;

	*size = 0;
	if (header->control_size > CONTROL_MAX)
		return ENOBUFS;
	if (header->control_size == 0)
		return 0;
	error = caller_read(&request->caller, header->control, control, header->control_size);
	if (error != 0)
		return -error;
	*size = header->control_size;
	return control_check(control, size, NULL, NULL);
}

int message_pack(struct request *request, const struct message *message, struct parcel *parcel)
{
	unsigned char control[CONTROL_MAX];
	int answer = read_control(request, &message->header, control, &parcel->control_size);
	ssize_t size;

	if (answer != 0)
		return answer;
	if (parcel->control_size > sizeof(parcel->control))
		return ENOBUFS;
	memcpy(parcel->control, control, parcel->control_size);
	parcel->flags = (int)request_argument(request, request->call->flags);
	size = gather(request, &message->header, &parcel->data);
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

/* True when the kernel would go on reading what is sent, which is our memory and given back. */
static bool is_read_later(int socket, int flags)
{
	int is_asked = 0;
	socklen_t size = sizeof(is_asked);

	return flags & MSG_ZEROCOPY &&
	       getsockopt(socket, SOL_SOCKET, SO_ZEROCOPY, &is_asked, &size) == 0 && is_asked;
}

ssize_t message_transmit(int socket, const struct outgoing *outgoing, int flags)
{
	const struct iovec piece = {(void *)(uintptr_t)outgoing->data, outgoing->size};
	/* A C library may know less control data than the kernel takes. */
	const struct uapi_message message = {
		.name = (uintptr_t)outgoing->address,
		.name_size = outgoing->address_size,
		.pieces = (uintptr_t)&piece,
		.piece_count = 1,
		.control = (uintptr_t)outgoing->control,
		.control_size = outgoing->control_size,
	};
	ssize_t sent;

	/* As where there is no room for it: who asks has to be able to do without. */
	if (is_read_later(socket, flags))
		return -ENOBUFS;
	/* It could be asked for by now. */
	sent = uapi_sendmsg(socket, &message, (flags & ~MSG_ZEROCOPY) | MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}

int message_dispatch(const struct caller *caller, int socket, const struct parcel *parcel,
		     const struct peer *address)
{
	const struct outgoing outgoing = {
		.address = address ? &address->address : NULL,
		.address_size = address ? address->size : 0,
		.data = parcel->data,
		.size = parcel->size,
		.control = parcel->control,
		.control_size = parcel->control_size,
	};
	ssize_t sent = message_transmit(socket, &outgoing, parcel->flags | MSG_DONTWAIT);

	if (sent < 0)
		return sent == -EAGAIN ? -ENOBUFS : (int)sent;
	if (parcel->report_at == 0)
		return (int)sent;
	return message_report(caller, parcel->report_at, (size_t)sent) ? 1 : -EFAULT;
}

ssize_t message_send(struct request *request, const struct message *message, int *answer)
{
	unsigned char control[CONTROL_MAX];
	struct outgoing outgoing = {.control = control};
	int flags = (int)request_argument(request, request->call->flags);
	struct sockaddr_storage address;
	ae_auto_free char *data = NULL;
	ssize_t size = gather(request, &message->header, &data);
	ae_auto_fd int socket = -1;
	ssize_t sent;

	*answer =
		size < 0 ? (int)-size
			 : read_control(request, &message->header, control, &outgoing.control_size);
	if (*answer != 0)
		return -1;
	socket = socket_take(request, answer);
	if (*answer != 0)
		return -1;
	outgoing.address = &address;
	outgoing.address_size = peer_address(request, &message->peer, &address);
	outgoing.data = data;
	outgoing.size = (size_t)size;
	sent = message_transmit(socket, &outgoing, flags | MSG_DONTWAIT);
	if (sent < 0)
		*answer = sent == -EAGAIN ? ENOBUFS : (int)-sent;
	return sent;
}

bool message_report(const struct caller *caller, uint64_t at, size_t sent)
{
	unsigned int length = (unsigned int)sent;
	struct iovec local = {&length, sizeof(length)};
	struct iovec remote = {(void *)(uintptr_t)(at + offsetof(struct uapi_message_sent, size)),
			       sizeof(length)};

	return process_vm_writev(caller->tid, &local, 1, &remote, 1, 0) == sizeof(length);
}
