/*
 * Where the forbidden files are that have several names. They are looked for when somebody asks for
 * the first time, and from then on known.
 */
#ifndef AE_SCAN_H
#define AE_SCAN_H

#include <sys/types.h>

#include "../judge/judge.h"

struct scanned {
	/* The forbid rule that one of the names is under, for reading and for writing;
	 * JUDGE_NO_RULE: none was found. */
	uint32_t rules[2];
	/* Every forbidden place was looked through. */
	bool is_whole;
	/* The look has ended by itself, whole or not. */
	bool is_over;
};

/*
 * In the supervisor, before the box's namespaces: forks the process that will look, while
 * everything can still be looked at. No wait for children in general is told of it, and scan_end
 * ends it. 0 or -errno; *scanner is 0 where nothing will be looked for.
 */
int scan_start(const struct plan *plan, pid_t *scanner);
/* In the supervisor, once the broker is there: asking is the broker's matter. */
void scan_leave(void);
/* In the supervisor, when the box is gone. */
void scan_end(pid_t scanner);

/* In the broker. */

/* Whether the next scan_find has to look first. */
bool scan_is_ahead(void);
/* Waits for the look. One caller at a time. */
struct scanned scan_find(dev_t device, ino_t inode);
/* The box is over: nobody waits any more. From any thread. */
void scan_stop(void);
/* The forbid rule `path` is under, JUDGE_NO_RULE for none. */
uint32_t scan_forbidding(const struct judge *judge, enum action action, const char *path,
			 size_t size);

#endif
