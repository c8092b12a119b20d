/* Carries the box's questions about names to the gateway's resolver, and the answers back. */
#ifndef AE_NAMES_RELAY_H
#define AE_NAMES_RELAY_H

/* Takes over both sockets, which lie in the box's network namespace; serves them until the end. */
void names_relay_start(int datagram, int stream,
		       int (*start)(void *(*body)(void *), void *argument));

#endif
