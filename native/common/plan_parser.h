/* What plan.c and plan_record.c share; nobody else includes it. */
#ifndef AE_PLAN_PARSER_H
#define AE_PLAN_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"

enum kind {
	KIND_NAMESPACES = 1,
	KIND_RLIMIT,
	KIND_UMASK,
	KIND_MOUNT,
	KIND_LANDLOCK,
	KIND_LANDLOCK_PATH,
	KIND_LANDLOCK_PORT,
	KIND_SECCOMP,
	KIND_NOTIFY,
	KIND_RULE,
	KIND_DIRECTORY,
	KIND_PROGRAM,
	KIND_ARGUMENT,
	KIND_ENVIRONMENT,
	KIND_GATEWAY,
	KIND_LIMIT = 16,
	KIND_ASK = 18,
	KIND_COUNT,
};

/* Record flag of mounts and Landlock paths: a missing path is skipped. */
#define FLAG_OPTIONAL 1

/* What is left to read of a piece of the plan. */
struct cursor {
	const unsigned char *at;
	size_t left;
};

struct record {
	uint16_t kind;
	uint16_t flags;
	struct cursor payload;
};

struct parser {
	struct plan *plan;
	uint32_t count[KIND_COUNT];
	size_t atom_count;
	char *text;
	struct plan_atom *atoms;
	const char *why;
};

bool plan_take(struct cursor *cursor, void *value, size_t size);
/* Reads the payload of one record into the plan; false when it is not valid. The caller refuses
 * what is left over. */
bool plan_parse_record(struct parser *parser, struct record *record);
/* What to say when that failed. */
const char *plan_refusal(uint16_t kind);

#endif
