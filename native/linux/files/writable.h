/* Whether something could be written, which programs ask before they try. */
#ifndef AE_WRITABLE_H
#define AE_WRITABLE_H

#include "../judge/request.h"

/*
 * ANSWER_DONE for what only the box's own mounts make read-only and a person would be asked about:
 * told that it cannot be written, rm and editors never come to the call that asks. Else
 * ANSWER_CONTINUE: the kernel says how it is. Nothing is recorded, as nothing happens.
 */
int writable_answer(struct request *request);

#endif
