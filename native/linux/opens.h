/* Judges open, openat, openat2 and creat, and performs those that may make a file. */
#ifndef AE_OPENS_H
#define AE_OPENS_H

#include "request.h"

/* The answer, with the rows noted in the request. */
int opens_answer(struct request *request);
/* True when an open or openat may make a name. */
bool opens_makes(const struct request *request);

#endif
