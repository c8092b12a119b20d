/* Judges the socket calls that name an address. */
#ifndef AE_SOCKETS_H
#define AE_SOCKETS_H

#include "request.h"

/* The answer, with the rows noted in the request. */
int sockets_answer(struct request *request);

#endif
