/* Judges, and performs when the plan says so, the calls that make, move or remove names. */
#ifndef AE_NAMES_H
#define AE_NAMES_H

#include "../judge/request.h"

/* The answer, with the rows noted in the request. */
int names_answer(struct request *request);

/* Around what changes names for the box: nobody else does meanwhile. */
void names_lock(void);
void names_unlock(void);
/* True for rmdir, and unlinkat that means it. */
bool names_removes_folder(const struct request *request);

#endif
