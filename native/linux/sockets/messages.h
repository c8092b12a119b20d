/* sendmsg and sendmmsg: judged on the address in the message, and performed like sendto. */
#ifndef AE_MESSAGES_H
#define AE_MESSAGES_H

#include "socket_deeds.h"

/* A message header as it was read from the caller, once. */
struct message {
	struct uapi_message header;
	/* Size 0: the message names nobody. */
	struct peer peer;
};

/* What a caller sends, read from its memory once. */
struct parcel {
	/* Of the caller's memory, 0 for none: where the size of what was sent is to be told. The
	 * result of the call is then one message. */
	uint64_t report_at;
	int flags;
	size_t size;
	/* Owned by who made the parcel. */
	char *data;
	size_t control_size;
	unsigned char control[256];
};

/* Reads the header at `at` of the caller's memory. 0, or the answer to give. */
int message_read(struct request *request, uint64_t at, struct message *message);
/* Reads what a message, or one of the calls sendto and write, wants to send. 0, or the answer to
 * give. */
int message_pack(struct request *request, const struct message *message, struct parcel *parcel);
int message_pack_sendto(struct request *request, struct parcel *parcel);
/*
 * Sends one piece of memory with what goes along, to an address or, `address_size` 0, the connected
 * peer. A size, or -errno.
 */
struct outgoing {
	const void *address;
	socklen_t address_size;
	const void *data;
	size_t size;
	const void *control;
	size_t control_size;
};
ssize_t message_transmit(int socket, const struct outgoing *outgoing, int flags);
/* Sends it without waiting, to `address` or the connected peer. The result of the call, or a
 * negative errno. */
int message_dispatch(const struct caller *caller, int socket, const struct parcel *parcel,
		     const struct peer *address);
/*
 * True when the broker should send it: on a socket where each message may name its peer, what is in
 * memory now need not be there when the kernel looks.
 */
bool message_is_performed(const struct request *request);
/* The number of bytes sent, or the answer to give (0 bytes are no answer: *answer is set then). */
ssize_t message_send(struct request *request, const struct message *message, int *answer);
/* Tells the caller how many bytes of message `at` were sent. False when its memory is gone. */
bool message_report(const struct caller *caller, uint64_t at, size_t sent);

#endif
