/* What the lender is asked to do for a call that was judged. */
#ifndef AE_ASK_REQUEST_H
#define AE_ASK_REQUEST_H

#include "../judge/request.h"
#include "lend.h"

/*
 * Reads what the call asks for beyond its names, from the caller's memory and once. *value, of an
 * attribute, is to be freed. 0, or the answer to give.
 */
int ask_request_fill(struct request *request, uint32_t program, struct lend_request *lend,
		     void **value);

#endif
