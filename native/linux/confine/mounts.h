/* The mount steps of a plan, in the caller's own new mount namespace. */
#ifndef AE_MOUNTS_H
#define AE_MOUNTS_H

#include "../../common/plan.h"

/* What could not be done: "mount" or "overlay", and where. */
struct mounts_culprit {
	const char *step;
	const char *path;
};

/* 0 or -errno; *culprit then names what failed. */
int mounts_apply(const struct plan *plan, struct mounts_culprit *culprit);

#endif
