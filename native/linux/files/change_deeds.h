/* Performs calls that change an existing object, on the object that was judged. */
#ifndef AE_CHANGE_DEEDS_H
#define AE_CHANGE_DEEDS_H

#include "../judge/request.h"
#include "change.h"

/* What is wrong with a call, or done, whatever it is about; else ANSWER_CONTINUE. */
int change_check(struct request *request);
/*
 * What the caller asks to be done to `request->first`, and the value of an attribute, which is to
 * be freed. All of the caller's memory is read here, and once. 0, or the answer to give.
 */
int change_read(struct request *request, struct change *change, void **value);
/* Tells of a limit that the kernel is going to refuse the change for. */
void change_tell_limit(struct request *request);
/* Does to `request->first` what the caller asked for. The answer to give. */
int change_perform(struct request *request);

#endif
