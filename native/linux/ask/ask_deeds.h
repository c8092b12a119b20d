/* Names made, moved and removed, and changes, that no rule is about: put to a person. */
#ifndef AE_ASK_DEEDS_H
#define AE_ASK_DEEDS_H

#include "../judge/request.h"

/*
 * Asks on a thread of its own, which answers, has it done and records: everything the request holds
 * is its matter from then on. ANSWER_SENT, or what to answer at once.
 */
int ask_deeds_start(struct request *request);

#endif
