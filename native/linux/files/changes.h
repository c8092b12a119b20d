/* Judges calls on things that are there already: exec, truncate, mode, owner, times, attributes. */
#ifndef AE_CHANGES_H
#define AE_CHANGES_H

#include "../judge/request.h"

/* The answer, with the rows noted in the request. */
int changes_answer(struct request *request);

#endif
