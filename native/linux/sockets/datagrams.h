/*
 * UDP of a box that goes by name, where no socket can be put in the place of a caller's. Each
 * message may name a peer in memory that changes after it was judged, so the caller's own socket
 * only receives, which is for good: what it sends is sent by another one from the same port.
 */
#ifndef AE_DATAGRAMS_H
#define AE_DATAGRAMS_H

#include "../outside/outside.h"
#include "messages.h"

/* Nothing can be sent on `socket` from now on, whoever has it. False when this kernel cannot. */
bool datagram_mute(int socket);
/*
 * In the outside service. The socket has a port, and leads nowhere; it is connected to an address
 * the gateway has checked. 0 or -errno.
 */
int datagram_take_port(int socket, uint8_t family);
int datagram_connect(int socket, uint8_t family, const struct outside_address *to);
/* Sends `parcel` for it, without waiting. The result of the call, or a negative errno. */
int datagram_send(const struct caller *caller, int socket, const struct parcel *parcel,
		  const struct outside_address *to);
/* Where it is connected to. False: nowhere. */
bool datagram_peer(int socket, struct outside_address *to);

#endif
