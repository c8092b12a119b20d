/* Calls no box may make: its filter hands them over to be recorded. */
#ifndef AE_REFUSED_CALLS_H
#define AE_REFUSED_CALLS_H

#include "../judge/request.h"

/* The filter has decided against this call by what is in its registers. */
bool refused_calls_has(const struct request *request);
/* Notes it. The answer. */
int refused_calls_answer(struct request *request);

#endif
