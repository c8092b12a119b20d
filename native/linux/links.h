/*
 * Files with several names: what is said of one name must hold whichever is used. Only where the
 * broker opens.
 */
#ifndef AE_LINKS_H
#define AE_LINKS_H

#include "../common/plan.h"
#include "request.h"

/*
 * Sets a process on the files that a forbid rule names, while everything can still be looked at:
 * before the box's mounts and Landlock. `judge` is of the same plan. 0 or -errno.
 */
int links_start(const struct plan *plan, const struct judge *judge);
/*
 * What the other names of `target` have to say about reading or writing it, when its own name lets
 * it through.
 */
struct verdict links_judge(const struct target *target, enum action action);
/* The broker is about to make one more name for `target`; both may be written when `writable`. */
void links_note_link(const struct target *target, bool writable);

#endif
