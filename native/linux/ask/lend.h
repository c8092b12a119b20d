/*
 * The lender: a child of the supervisor that stays outside the box with its user's own rights, and
 * does for the broker what a person said yes to. It is the lender, not the broker, that finds out
 * which objects and names are meant, judges them by the rules of the plan and asks aegis about what
 * no rule is about, so that a broker gone wrong gets nothing that nobody was asked about.
 */
#ifndef AE_LEND_H
#define AE_LEND_H

#include <stdint.h>

#include "../../common/limits.h"
#include "../../common/plan.h"
#include "../files/change.h"

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

/*
 * What is to be done. A name is one in a folder, given by the folder's descriptor: the first of a
 * request, or the second.
 */
enum lend_kind {
	/* The first descriptor is what exists. */
	LEND_OPEN,
	LEND_CHANGE,
	/* To the second name. */
	LEND_LINK,
	/* The first name. */
	LEND_MAKE_FILE,
	LEND_MAKE_FOLDER,
	LEND_MAKE_NODE,
	LEND_MAKE_SYMLINK,
	/* The second descriptor is the socket that gets the name. */
	LEND_BIND,
	/* The first descriptor is a socket that exists. The broker connects, which may wait. */
	LEND_CONNECT,
	LEND_REMOVE,
	/* To the second name. */
	LEND_MOVE,
	LEND_KINDS,
};

enum { LEND_NAME_ROOM = 256 };

/* Comes with the socket the reply goes to and descriptors: of the first, and the second. */
struct lend_request {
	/* Of open(2), unlinkat(2), renameat2(2). */
	uint64_t flags;
	uint64_t device;
	uint32_t mode;
	uint32_t umask;
	uint32_t pid;
	uint16_t kind;
	uint16_t exe_size;
	struct change change;
	char exe[AE_PATH_MAX];
	char name[2][LEND_NAME_ROOM];
	/* What a symbolic link says. */
	char text[AE_PATH_MAX];
};

/* One action on one of the two paths, and what was said about it. */
struct lend_part {
	/* As in a verdict: of what is permitted, or JUDGE_ASKED and the answer. */
	uint32_t rule;
	uint8_t action;
	uint8_t is_second;
	uint8_t is_asked;
	uint8_t unused;
};

enum { LEND_PARTS_MAX = 6 };

struct lend_reply {
	/* 0, and a descriptor comes with it when the request was an open; or a negative errno. */
	int32_t error;
	/* Of an open. */
	uint32_t verdict;
	/* Of everything else: what the rows are about, all permitted or all denied. */
	uint32_t count;
	struct lend_part parts[LEND_PARTS_MAX];
};

/* Starts the lender as a child. Its link, -1 when the plan does not ask; or -errno. */
int lend_start(const struct plan *plan, int *link);

#endif
