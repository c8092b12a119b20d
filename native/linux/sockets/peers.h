/* Which address the box asked for when it got a datagram socket that leads out. */
#ifndef AE_PEERS_H
#define AE_PEERS_H

#include <stdbool.h>

#include "../outside/outside.h"

/* `leads_to` is what the gateway gave for it; NULL where nobody needs to know. */
void peers_note(int socket, const struct outside_address *address,
		const struct outside_address *leads_to);
/*
 * True when `socket` was connected for exactly this address last, and to what: *leads_to is as it
 * was noted, NULL when nobody needs to know.
 */
bool peers_has(int socket, const struct outside_address *address, struct outside_address *leads_to);

#endif
