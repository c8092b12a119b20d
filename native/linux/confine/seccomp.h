/* Puts the plan's filter on the calling thread. */
#ifndef AE_SECCOMP_H
#define AE_SECCOMP_H

#include <stdbool.h>

#include "../../common/plan.h"

/*
 * With `listen` the listener's descriptor, else 0; -errno on failure. -EBUSY: a filter with a
 * listener is there already, which is what a box inside a box meets.
 */
int seccomp_install(const struct plan *plan, bool listen);

#endif
