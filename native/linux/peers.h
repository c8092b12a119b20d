/* Which address the box asked for when it got a datagram socket that leads out. */
#ifndef AE_PEERS_H
#define AE_PEERS_H

#include <stdbool.h>

#include "outside.h"

void peers_note(int socket, const struct outside_address *address);
/* True when `socket` is one that was made for exactly this address. */
bool peers_has(int socket, const struct outside_address *address);

#endif
