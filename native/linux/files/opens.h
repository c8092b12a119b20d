/* Judges open, openat, openat2 and creat, and performs those that may make a file. */
#ifndef AE_OPENS_H
#define AE_OPENS_H

#include "opener.h"

/* The answer, with the rows noted in the request. */
int opens_answer(struct request *request);
/* How the call opens. 0, or the answer to give. */
int opens_read(struct request *request, struct opening *opening);
/* True when an open or openat may make a name. */
bool opens_makes(const struct request *request);

#endif
