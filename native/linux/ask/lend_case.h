/* One question of the broker while the lender has it: what it is about, held still, and the deed.
 */
#ifndef AE_LEND_CASE_H
#define AE_LEND_CASE_H

#include <stdbool.h>

#include "../judge/judge.h"
#include "lend.h"

enum { LEND_PATH_ROOM = AE_PATH_MAX + 16 };

struct lend_case {
	/* Of the question that is out. */
	uint32_t id;
	/* Where the broker waits; -1: this place is free. */
	int reply;
	/* Nothing is left to ask, and the broker was told so. */
	bool is_allowed;
	/* The question that is out is about the second path. */
	bool is_second;
	/* Objects, or the folders of names; -1 for none. */
	int at[2];
	/* What had the names when they were looked at; -1 for nothing. */
	int seen[2];
	/* Of what the first path leads to. */
	mode_t type;
	char path[2][LEND_PATH_ROOM];
	struct lend_request request;
	/* What is told in the end. */
	struct lend_reply answer;
};

/* Opens /proc/self/fd; 0 or -errno. */
int lend_case_init(void);
void lend_case_clear(struct lend_case *this);
void lend_case_end(struct lend_case *this);
/*
 * Finds out what a request with its descriptors is about. False: it is not to be asked about, and
 * the answer has a part if that is because of a rule.
 */
bool lend_case_examine(struct lend_case *this, const struct judge *judge);
/* True when both paths still lead to what they led to. */
bool lend_case_is_unchanged(const struct lend_case *this);
/* Does it. A descriptor of what was opened, 0, or -errno. */
int lend_case_perform(const struct lend_case *this, const void *value);

#endif
