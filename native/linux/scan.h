/*
 * Where the forbidden files are that have several names. They are looked for when somebody asks for
 * the first time, and from then on known.
 */
#ifndef AE_SCAN_H
#define AE_SCAN_H

#include <sys/types.h>

#include "judge.h"

struct scanned {
	/* The forbid rule that one of the names is under, for reading and for writing;
	 * JUDGE_NO_RULE: none was found. */
	uint32_t rules[2];
	/* Every forbidden place was looked through. */
	bool is_whole;
};

/*
 * Forks the process that will look, while everything can still be looked at: before the box's
 * mounts and Landlock. `judge` is of the same plan. 0 or -errno.
 */
int scan_start(const struct plan *plan, const struct judge *judge);
/* Whether the next scan_find has to look first. */
bool scan_is_ahead(void);
/* Waits for the look. One caller at a time. */
struct scanned scan_find(dev_t device, ino_t inode);
/* The forbid rule `path` is under, JUDGE_NO_RULE for none. */
uint32_t scan_forbidding(const struct judge *judge, enum action action, const char *path,
			 size_t size);

#endif
