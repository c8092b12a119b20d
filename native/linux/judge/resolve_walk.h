/* The slow way to resolve a path: component by component, as the caller would. */
#ifndef AE_RESOLVE_WALK_H
#define AE_RESOLVE_WALK_H

#include "../../common/limits.h"
#include "caller.h"

struct walk {
	const struct caller *caller;
	bool no_follow;
	/* Set when the last component is not there: its name; the result is its directory. */
	size_t missing_size;
	char missing[AE_NAME_MAX];
	/* After an error behind a link how far it got, to be closed, and what was left; else -1. */
	int stopped;
	char left[2 * AE_PATH_MAX + AE_NAME_MAX];
};

/*
 * Walks `path` from `base` (-1: the root). An O_PATH descriptor of what was found, or of the
 * directory of the missing last component, or -errno.
 */
int resolve_walk(struct walk *walk, int base, const char *path);

#endif
