/*
 * Socket calls of a box whose connections go by name: what leaves the box goes through the gateway,
 * what stays inside is left to the box's own network. Judged by the rules only as far as staying
 * inside goes; everything else the gateway judges and records.
 */
#ifndef AE_ROUTES_H
#define AE_ROUTES_H

#include "messages.h"

/* True when the call is answered here: connections go by name and the address is an internet one.
 */
bool routes_take(const struct request *request, const struct peer *peer);
/* The answer to connect. */
int routes_connect(struct request *request, const struct peer *peer);
/* The answer to bind, once the address was judged. */
int routes_bind(struct request *request, const struct peer *peer);
/* False for a socket that lies outside the box's own network, where it has one: it may not listen.
 */
bool routes_may_listen(const struct request *request, int socket);

/* The answer to sending `parcel`, which is taken over. */
int routes_send(struct request *request, const struct peer *peer, struct parcel *parcel);
/* True when the caller's socket only receives: what is sent to the peer it has is sent here. */
bool routes_send_connected(const struct request *request);
/* The answer to that, by a parcel that is taken over. */
int routes_send_on(struct request *request, struct parcel *parcel);

#endif
