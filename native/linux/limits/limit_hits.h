/* What answering calls tells of limits that the kernel holds. */
#ifndef AE_LIMIT_HITS_H
#define AE_LIMIT_HITS_H

#include <signal.h>

#include "../../common/plan.h"
#include "../judge/caller.h"

/* In the broker, before it answers. */
void limit_hits_start(const struct plan *plan);
/* A call that gives a descriptor is about to get this answer, or has got it. */
void limit_hits_open(const struct caller *caller, int answer);
/* A process that the broker is to wait for has ended, and is not waited for yet. */
void limit_hits_end(const siginfo_t *child);
/* A file was to become longer than `limit`, which is the caller's. */
void limit_hits_size(const struct caller *caller, uint64_t limit);

#endif
