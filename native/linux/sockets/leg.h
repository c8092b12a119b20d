/*
 * A caller's internet socket and the address it wants to reach, where connections go by name. A
 * socket of the host's network namespace must never be connected by what was judged for the box's
 * own: deeds are done on the descriptor in here, which was asked which of the two it is.
 */
#ifndef AE_LEG_H
#define AE_LEG_H

#include "../outside/outside.h"
#include "socket_deeds.h"

/* The caller's socket and where it wants to go. */
struct leg {
	/* Owned by who made the leg. */
	int socket;
	int domain;
	int type;
	int protocol;
	struct outside_address to;
};

/*
 * 0, or the answer to give; `leg->socket` is to be closed in either case. Without an address (to
 * undo a connection) `to` stays empty, and any kind of socket is taken.
 */
int leg_begin(const struct request *request, const struct peer *peer, struct leg *leg);
/*
 * True when the connection is one of the box with itself, by a rule that permits it inside; notes
 * the row. Everything else is for the gateway to judge and record: names mean nothing here, and a
 * forbid that spares one would hit the address that stands for it.
 */
bool leg_stays(struct request *request, const struct leg *leg);
bool leg_is_loopback(const struct outside_address *address);
/* True when the socket lies in the box's own network namespace. */
bool leg_is_inside(const struct request *request, int socket);
bool leg_is_connected(const struct leg *leg);
/* Puts an unconnected socket of the box's own network in the place of the caller's. 0, or the
 * answer to give. */
int leg_replace(const struct request *request, struct leg *leg);

#endif
