/* The folders that rules about reading and writing files are about. */
#ifndef AE_ROOTS_H
#define AE_ROOTS_H

#include "../../common/plan.h"

enum { ROOTS_MAX = 2048 };

struct roots {
	size_t count;
	/* False when there were more than fit. */
	bool is_whole;
	char *paths[ROOTS_MAX];
};

/* Whether a rule forbids reading or writing files. */
bool roots_forbid(const struct plan *plan);
/* Those of permits, or of forbids, that are about one of `actions` (bits). roots_free gives them
 * back. */
void roots_collect(const struct plan *plan, bool permit, unsigned actions, struct roots *roots);
void roots_free(struct roots *roots);

#endif
