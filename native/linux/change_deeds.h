/* Performs calls that change an existing object, on the object that was judged. */
#ifndef AE_CHANGE_DEEDS_H
#define AE_CHANGE_DEEDS_H

#include "request.h"

/* Does to `request->first` what the caller asked for. The answer to give. */
int change_perform(struct request *request);

#endif
