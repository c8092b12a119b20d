/* The folders that rules about reading and writing files are about. */
#ifndef AE_ROOTS_H
#define AE_ROOTS_H

#include "../common/plan.h"

enum { ROOTS_MAX = 2048 };

struct roots {
	size_t count;
	/* False when there were more than fit. */
	bool is_whole;
	char *paths[ROOTS_MAX];
};

/* Those of permits to write, or of forbids to read or write. roots_free gives them back. */
void roots_collect(const struct plan *plan, bool permit, struct roots *roots);
void roots_free(struct roots *roots);

#endif
