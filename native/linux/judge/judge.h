/*
 * The rule table as a verdict machine. It means exactly what decide() in src/policy means for the
 * same capabilities: a forbid that matches beats every permit, no match is a denial, the first
 * matching rule of the deciding effect is the one named. Built once, then only read: threads share
 * it without a lock.
 */
#ifndef AE_JUDGE_H
#define AE_JUDGE_H

#include "../../common/plan.h"

#define JUDGE_NO_RULE UINT32_MAX
/* Stands in a verdict for what follows from a file's having several names: links.h. */
#define JUDGE_SEVERAL_NAMES (UINT32_MAX - 1)
/* And for a socket of a kind that no policy grants. */
#define JUDGE_NO_SOCKET (UINT32_MAX - 2)
/* And for a ping where only a policy for everything could have one. */
#define JUDGE_NO_PING (UINT32_MAX - 3)
/* And for a file that would give whoever runs it the rights of its owner: set_id.h. */
#define JUDGE_SET_ID (UINT32_MAX - 4)
/* In place of a rule: a person was asked; the answer is added. */
#define JUDGE_ASKED 0xffffff00u

/* What is tried. For sockets `path` is the host text too; `host` NULL means the action has none. */
struct subject {
	enum action action;
	const char *path;
	size_t path_size;
	const char *host;
	size_t host_size;
	bool has_port;
	uint16_t port;
	/* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_ICMP; 0 for what has none. */
	uint8_t protocol;
};

struct verdict {
	bool allowed;
	/* Index of the deciding rule, or one of the numbers above. */
	uint32_t rule;
};

struct judge;

/* Keeps pointers into `rules`. NULL when there is no memory. */
struct judge *judge_build(const struct plan_rule *rules, size_t count);
/* The same of the rules that are only about calls which fail anyway; judge_build leaves them out.
 */
struct judge *judge_build_failing(const struct plan_rule *rules, size_t count);
void judge_free(struct judge *judge);

struct verdict judge_decide(const struct judge *judge, const struct subject *subject);
/* The same for a path action. */
struct verdict judge_path(const struct judge *judge, enum action action, const char *path,
			  size_t size);
/*
 * The first forbid rule with a positive path-in or path-equals atom strictly below `path`, or
 * JUDGE_NO_RULE: moving that directory, or moving another one there, would move names the rule
 * protects.
 */
uint32_t judge_forbid_below(const struct judge *judge, const char *path, size_t size);
/* True when a forbid rule on paths has a condition that judge_forbid_below cannot see. */
bool judge_has_patterns(const struct judge *judge);

#endif
