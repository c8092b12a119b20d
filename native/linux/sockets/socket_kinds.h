/* Sockets a box may not have: its filter hands the calls that make them over to be recorded. */
#ifndef AE_SOCKET_KINDS_H
#define AE_SOCKET_KINDS_H

#include "../judge/request.h"

/*
 * Makes what the plan grants, where the broker makes sockets. Anything else is noted, and answered
 * as by a kernel that does not have or allow it.
 */
int socket_kinds_answer(struct request *request);

/* Connecting by sending does not exist where connections are judged. */
bool fast_open_is_tried(const struct request *request);
/* Notes who it would have reached, where that is denied. The answer. */
int fast_open_refuse(struct request *request);

#endif
