/* Whether a call that is denied may be put to a person. */
#ifndef AE_ASKABLE_H
#define AE_ASKABLE_H

#include "../judge/request.h"

/*
 * What a call was answered with so far, when it is EACCES for want of a rule: ANSWER_ASK where that
 * is to be asked about, else what it was. Nothing is asked yet.
 */
int askable_answer(struct request *request, int answer);

#endif
