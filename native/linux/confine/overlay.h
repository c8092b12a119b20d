/* A private layer over a writable place: what the box changes there never reaches the place. */
#ifndef AE_OVERLAY_H
#define AE_OVERLAY_H

#include "../../common/plan.h"

/* A detached mount of the place with the layer over it, or -errno. Before the root is read-only. */
int overlay_make(const struct plan_mount *mount);
/* Whether any place of the box has such a layer. */
bool overlay_is_used(const struct plan *plan);

#endif
