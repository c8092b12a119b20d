/* Which part of the broker answers which call. */
#ifndef AE_DISPATCH_H
#define AE_DISPATCH_H

#include "../judge/request.h"

/* The answer to the call of `request`, which has to begin; may perform it. */
int dispatch_call(struct request *request);

#endif
