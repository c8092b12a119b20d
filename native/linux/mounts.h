/* The mount steps of a plan, in the caller's own new mount namespace. */
#ifndef AE_MOUNTS_H
#define AE_MOUNTS_H

#include "../common/plan.h"

/* 0 or -errno; *culprit then names the path of the step that failed. */
int mounts_apply(const struct plan *plan, const char **culprit);

#endif
