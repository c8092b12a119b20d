/*
 * Sends a message in the caller's place on whatever it is sent on, waiting where the caller would
 * have waited: nothing in its memory is looked at again.
 */
#ifndef AE_POST_H
#define AE_POST_H

#include "messages.h"

/* The answer to sendmsg; to sendmmsg of one message when `report_at` is set. */
int post_message(struct request *request, const struct message *message, uint64_t report_at);

#endif
