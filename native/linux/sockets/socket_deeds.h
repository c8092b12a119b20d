/* Performs judged socket calls on the caller's own socket. Each gives the answer. */
#ifndef AE_SOCKET_DEEDS_H
#define AE_SOCKET_DEEDS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../judge/request.h"

/* An address as it was read from the caller, once. */
struct peer {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		char bytes[128];
	} address;
	socklen_t size;
};

/* True when the address is a path; request->first then says where it leads. */
bool peer_is_path(const struct peer *peer);

/* IPPROTO_TCP, _UDP or _ICMP of an internet socket, 0 for any other. */
uint8_t socket_protocol(int socket);
/* Reads an address from the caller's memory. 0, or the answer to give. */
int peer_read(struct request *request, uint64_t at, uint64_t size, struct peer *peer);
/* The address to use, 0 for none: for a path, the object request->first led to. Its size. */
socklen_t peer_address(const struct request *request, const struct peer *peer,
		       struct sockaddr_storage *address);

/* The caller's socket to look at, or -errno; what to answer then. */
int socket_look(const struct request *request);
int socket_refusal(int error);
/* The caller's socket, and proof that it is the caller's; *answer is what to say when not 0. */
int socket_take(const struct request *request, int *answer);
int socket_connect(struct request *request, const struct peer *peer);
/* The same on a socket that was looked at already, which it takes over. */
int socket_connect_on(struct request *request, const struct peer *peer, int socket);
/*
 * On a thread that may wait: `socket` to the path socket that request->first led to. 0 or a
 * negative errno.
 */
int socket_connect_judged(const struct request *request, int socket);
int socket_bind(struct request *request, const struct peer *peer);
/* `keeps_port`: only on the port it is bound to. */
int socket_listen(struct request *request, bool keeps_port);
int socket_send(struct request *request, const struct peer *peer);

#endif
