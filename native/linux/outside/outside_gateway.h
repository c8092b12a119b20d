/* The outside service's conversation with the gateway. Functions return a size, 0 or -errno. */
#ifndef AE_OUTSIDE_GATEWAY_H
#define AE_OUTSIDE_GATEWAY_H

#include "outside.h"

/* Once, before any thread; `gateway` is copied. */
void gateway_init(const struct plan_gateway *gateway);
/* A connection to the gateway that has said what is wanted. */
int gateway_open(const struct outside_request *request);
/*
 * Connects `socket`, a stream of the family asked for, to the gateway, and has it be what is wanted
 * there. 0, or -errno, and it is not connected.
 */
int gateway_connect(const struct outside_request *request, int socket, int asker);
/* Waits for its verdict: 0, or the errno it gave. -EINTR when `asker` has hung up. */
int gateway_await(int connection, int asker);
/* What follows the verdict on a datagram: where the socket may be connected to. */
int gateway_read_address(int connection, int asker, struct outside_address *address);
/* A datagram socket connected to the gateway's resolver, which will answer it. */
int gateway_open_resolver(const struct outside_request *request, int asker);
/* The resolver will answer `socket`, at the port it has, once it is connected to *address. 0 or
 * -errno. */
int gateway_introduce(const struct outside_request *request, int socket, int asker,
		      struct outside_address *address);

#endif
