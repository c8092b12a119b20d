/* Opens of what exists that no rule is about, put to a person. Never what a rule forbids. */
#ifndef AE_ASKS_H
#define AE_ASKS_H

#include "../files/opener.h"
#include "../judge/request.h"

/* True when the denied open of `request->first` is one to ask about. */
bool asks_about(const struct request *request, const struct opening *opening);
/* True when no rule is about writing what exists there, so that it would be asked about. */
bool asks_about_writing(const struct request *request);
/*
 * Asks on a thread of its own, which answers and records: the rows of the request are its matter
 * from then on. ANSWER_SENT, or what to answer at once.
 */
int asks_start(struct request *request, const struct opening *opening);

#endif
