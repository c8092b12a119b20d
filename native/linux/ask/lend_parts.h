/* What a request would be allowed, denied or asked about, by the rules of the plan. */
#ifndef AE_LEND_PARTS_H
#define AE_LEND_PARTS_H

#include <stdbool.h>

#include "../judge/judge.h"
#include "lend.h"

/*
 * Fills `parts` with every action the request is, on the paths it is about. False: a rule forbids
 * one, which is then the only part, or it is nothing that is lent. `is_folder`: what the first path
 * leads to is one.
 */
bool lend_parts_find(const struct judge *judge, const struct lend_request *request,
		     const char *const paths[2], bool is_folder, struct lend_reply *parts);

#endif
