/* sendmsg and sendmmsg: judged on the address in the message, and performed like sendto. */
#ifndef AE_MESSAGES_H
#define AE_MESSAGES_H

#include "socket_deeds.h"

/* A message header as it was read from the caller, once. */
struct message {
	struct msghdr header;
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
	_Alignas(struct cmsghdr) char control[256];
};

/* Reads the header at `at` of the caller's memory. 0, or the answer to give. */
int message_read(struct request *request, uint64_t at, struct message *message);
/* True when this part of a message leads it another way than to the address that was judged. */
bool message_is_led(const struct cmsghdr *part);
/* True when there is as much of a part behind its beginning as it says: what is read comes from the
 * caller, and the macros that go from part to part do not look. */
bool message_holds(const struct msghdr *header, const struct cmsghdr *part);
/* As the kernel sends it: a C library may know less control data than the kernel takes. A size, or
 * -errno. */
ssize_t message_transmit(int socket, const struct msghdr *header, int flags);
/* Reads what a message, or one of the calls sendto and write, wants to send. 0, or the answer to
 * give. */
int message_pack(struct request *request, const struct message *message, struct parcel *parcel);
int message_pack_sendto(struct request *request, struct parcel *parcel);
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
