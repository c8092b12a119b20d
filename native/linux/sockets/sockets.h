/* Judges the socket calls that name an address. */
#ifndef AE_SOCKETS_H
#define AE_SOCKETS_H

#include "../judge/request.h"

struct peer;

/* Judges who an address leads to, and notes it. The answer. */
int sockets_judge(struct request *request, enum action action, const struct peer *peer);
/* The answer, with the rows noted in the request. */
int sockets_answer(struct request *request);

#endif
