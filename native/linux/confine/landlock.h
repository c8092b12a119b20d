/* Landlock rulesets from a plan. Functions return a descriptor or 0, or -errno. */
#ifndef AE_LANDLOCK_H
#define AE_LANDLOCK_H

#include "../../common/plan.h"

/* 0 when the kernel has none or it is switched off. */
int landlock_abi(void);
/* Bits of fixed errata, 0 when the kernel cannot tell. */
int landlock_errata(void);

/* What a ruleset has besides the plan's own rules. */
struct landlock_extra {
	uint64_t scoped;
	bool read_proc;
};

/* Builds the plan's ruleset; *culprit names the path of a rule that failed, else NULL. */
int landlock_build(const struct plan *plan, struct landlock_extra extra, const char **culprit);
/* A ruleset that only scopes; -ENOSYS when the kernel knows no scopes. */
int landlock_build_scopes(uint64_t scoped);
/* No file, no TCP but connecting to `port`, no signals and abstract sockets, as far as the kernel
 * can. */
int landlock_build_outside(uint16_t port, bool serves);
/* Confines the calling thread for good. */
int landlock_restrict(int ruleset);
/* True when the plan itself lets the box read all of /proc. */
bool landlock_reads_proc(const struct plan *plan);

#endif
