/*
 * The lender: a child of the supervisor that stays outside the box with its user's own rights, and
 * opens for the broker what a person said yes to. It is the lender, not the broker, that finds out
 * which object is meant and asks aegis about it, so that a broker gone wrong gets nothing that
 * nobody was asked about. It makes no file, and opens regular files and folders only.
 */
#ifndef AE_LEND_H
#define AE_LEND_H

#include <stdint.h>

#include "../common/limits.h"
#include "../common/plan.h"

/* An answer of aegis, which is also how a row names it. */
enum lend_verdict {
	LEND_NO,
	LEND_ONCE,
	LEND_SESSION,
	LEND_ALWAYS,
	LEND_FOLDER,
	/* Nobody was asked. */
	LEND_UNASKED,
	LEND_VERDICTS,
};

/* Comes with a path descriptor of the object and the socket the reply goes to. */
struct lend_request {
	/* As of open(2), of what exists. */
	uint64_t flags;
	uint32_t pid;
	uint16_t exe_size;
	char exe[AE_PATH_MAX];
};

struct lend_reply {
	/* 0, and a descriptor comes with it; or a negative errno. */
	int32_t error;
	uint32_t verdict;
};

/* Starts the lender as a child. Its link, -1 when the plan does not ask; or -errno. */
int lend_start(const struct plan *plan, int *link);
/*
 * In the broker: asks for `object` to be opened and waits for it. The descriptor, or the negative
 * errno to tell the caller; -EINTR when a signal came first.
 */
int lend_ask(int link, int object, const struct lend_request *request, uint32_t *verdict);

#endif
