/* Lets the host reach a server of a box that has a network of its own. */
#ifndef AE_SERVE_H
#define AE_SERVE_H

#include "../judge/request.h"
#include "../outside/outside.h"

/*
 * The answer to listen on `socket`, which lies in the box's own network; what a rule lets the box
 * serve to others is served on the host as well. Takes the socket over.
 */
int serve_listen(struct request *request, int socket);

/* True when a rule lets the box serve there, and not only itself. */
bool serve_is_granted(const struct judge *judge, const struct plan_rule *rules,
		      const struct outside_address *address);

#endif
