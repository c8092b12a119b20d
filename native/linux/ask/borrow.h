/* The broker's side of the lender: asking, and having done what was allowed. */
#ifndef AE_BORROW_H
#define AE_BORROW_H

#include "lend.h"

/*
 * Asks for `object` to be opened and waits for it. The descriptor, or the negative errno to tell
 * the caller; -EINTR when a signal came first.
 */
int borrow_open(int link, int object, const struct lend_request *request, uint32_t *verdict);

/*
 * Asks about anything else and waits. 0: it is allowed, and *socket leads to who does it, once; or
 * a negative errno, and `reply` has what the rows are about. -EINTR when a signal came first.
 */
int borrow_ask(int link, int first, int second, const struct lend_request *request,
	       struct lend_reply *reply, int *socket);
/*
 * Has it done; `value` is that of an attribute. A descriptor where one was asked for, else 0; or a
 * negative errno. -EAGAIN: what was asked about is not there any more as it was.
 */
int borrow_have_done(int socket, const void *value, uint32_t size);

#endif
