/*
 * Two passes over the same bytes: the first checks the frame of every record and counts, the second
 * fills arrays of exactly those sizes from one allocation. Checks are repeated here although
 * TypeScript made them, because this is the side that acts on the result. Nothing is skipped: what
 * is not understood is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "plan_parser.h"

enum { PLAN_VERSION = 1 };

static const struct {
	uint32_t least;
	uint32_t most;
} times[KIND_COUNT] = {
	[KIND_NAMESPACES] = {1, 1},
	[KIND_RLIMIT] = {0, AE_RLIMITS_MAX},
	[KIND_UMASK] = {0, 1},
	[KIND_MOUNT] = {0, AE_MOUNTS_MAX},
	[KIND_LANDLOCK] = {0, 1},
	[KIND_LANDLOCK_PATH] = {0, AE_LANDLOCK_PATHS_MAX},
	[KIND_LANDLOCK_PORT] = {0, AE_LANDLOCK_PORTS_MAX},
	[KIND_SECCOMP] = {0, 1},
	[KIND_NOTIFY] = {0, 1},
	[KIND_RULE] = {0, AE_RULES_MAX},
	[KIND_DIRECTORY] = {1, 1},
	[KIND_PROGRAM] = {1, 1},
	[KIND_ARGUMENT] = {1, AE_ARGUMENTS_MAX},
	[KIND_ENVIRONMENT] = {0, AE_ENVIRONMENT_MAX},
	[KIND_GATEWAY] = {0, 1},
	[KIND_LIMIT] = {0, LIMIT_COUNT},
	[KIND_ASK] = {0, 1},
};

static int refuse(struct parser *parser, int error, const char *why)
{
	parser->why = why;
	return error;
}

static bool take_record(struct cursor *cursor, struct record *record)
{
	uint32_t size;
	size_t padding;

	if (!plan_take(cursor, &record->kind, 2) || !plan_take(cursor, &record->flags, 2) ||
	    !plan_take(cursor, &size, 4) || cursor->left < size)
		return false;
	record->payload = (struct cursor){cursor->at, size};
	cursor->at += size;
	cursor->left -= size;
	padding = (8 - size % 8) % 8;
	if (cursor->left < padding)
		return false;
	for (size_t i = 0; i < padding; i++) {
		if (cursor->at[i] != 0)
			return false;
	}
	cursor->at += padding;
	cursor->left -= padding;
	return true;
}

static bool has_optional_flag(uint16_t kind)
{
	return kind == KIND_MOUNT || kind == KIND_LANDLOCK_PATH;
}

static int survey(struct parser *parser, struct cursor cursor, uint32_t records)
{
	uint16_t last = 0;

	for (uint32_t i = 0; i < records; i++) {
		struct record record;

		if (!take_record(&cursor, &record))
			return refuse(parser, -EINVAL, "a record is cut short or badly padded");
		if (record.kind == 0 || record.kind >= KIND_COUNT || !times[record.kind].most)
			return refuse(parser, -EINVAL, "a record is of an unknown kind");
		if (record.kind < last)
			return refuse(parser, -EINVAL, "a record is out of order");
		if (record.flags & ~(has_optional_flag(record.kind) ? FLAG_OPTIONAL : 0))
			return refuse(parser, -EINVAL, "a record has an unknown flag");
		if (++parser->count[record.kind] > times[record.kind].most)
			return refuse(parser, -E2BIG, "there are too many records of one kind");
		if (record.kind == KIND_RULE && record.payload.left >= 4)
			parser->atom_count += record.payload.at[3];
		last = record.kind;
	}
	if (cursor.left != 0)
		return refuse(parser, -EINVAL, "there are bytes behind the last record");
	for (int kind = 1; kind < KIND_COUNT; kind++) {
		if (parser->count[kind] < times[kind].least)
			return refuse(parser, -EINVAL, "a record that must be there is missing");
	}
	return 0;
}

/* One allocation, the strictest alignment first. Strings need at most their bytes and one
 * terminator for each. */
static int reserve(struct parser *parser, size_t text_size)
{
	struct plan *plan = parser->plan;
	const uint32_t *count = parser->count;
	size_t size = 0;
	size_t offset[8];
	const size_t wanted[8] = {
		count[KIND_RLIMIT] * sizeof(*plan->rlimits),
		count[KIND_MOUNT] * sizeof(*plan->mounts),
		count[KIND_LANDLOCK_PATH] * sizeof(*plan->landlock_paths),
		count[KIND_LANDLOCK_PORT] * sizeof(*plan->landlock_ports),
		count[KIND_RULE] * sizeof(*plan->rules),
		parser->atom_count * sizeof(*parser->atoms),
		((size_t)count[KIND_ARGUMENT] + 1) * sizeof(*plan->arguments),
		((size_t)count[KIND_ENVIRONMENT] + 1) * sizeof(*plan->environment),
	};
	char *memory;

	for (int i = 0; i < 8; i++) {
		offset[i] = size;
		size += (wanted[i] + 15) & ~(size_t)15;
	}
	memory = calloc(1, size + AE_BPF_MAX * sizeof(struct sock_filter) + text_size);
	if (!memory)
		return refuse(parser, -ENOMEM, "there is no memory for the plan");
	plan->memory = memory;
	plan->rlimits = (void *)(memory + offset[0]);
	plan->mounts = (void *)(memory + offset[1]);
	plan->landlock_paths = (void *)(memory + offset[2]);
	plan->landlock_ports = (void *)(memory + offset[3]);
	plan->rules = (void *)(memory + offset[4]);
	parser->atoms = (void *)(memory + offset[5]);
	plan->arguments = (void *)(memory + offset[6]);
	plan->environment = (void *)(memory + offset[7]);
	plan->filter = (void *)(memory + size);
	parser->text = memory + size + AE_BPF_MAX * sizeof(struct sock_filter);
	return 0;
}

static int parse_header(struct parser *parser, struct cursor *cursor, uint32_t *records)
{
	size_t whole = cursor->left;
	char magic[4];
	uint16_t version;
	uint16_t reserved;
	uint32_t size;

	if (whole > AE_PLAN_SIZE_MAX)
		return refuse(parser, -E2BIG, "the plan is larger than 8 MiB");
	if (!plan_take(cursor, magic, 4) || !plan_take(cursor, &version, 2) ||
	    !plan_take(cursor, &reserved, 2) || !plan_take(cursor, &size, 4) ||
	    !plan_take(cursor, records, 4))
		return refuse(parser, -EINVAL, "the plan is cut short");
	if (memcmp(magic, "AEGP", 4) != 0)
		return refuse(parser, -EINVAL, "this is not a plan");
	if (version != PLAN_VERSION || reserved != 0)
		return refuse(parser, -EINVAL, "the plan is of another version");
	if (size != whole)
		return refuse(parser, -EINVAL, "the plan is cut short");
	return 0;
}

static int parse(struct parser *parser, struct cursor cursor)
{
	uint32_t records;
	int error = parse_header(parser, &cursor, &records);

	if (error == 0)
		error = survey(parser, cursor, records);
	if (error == 0)
		error = reserve(parser, cursor.left + records);
	if (error != 0)
		return error;
	for (uint32_t i = 0; i < records; i++) {
		struct record record;

		if (!take_record(&cursor, &record) || !plan_parse_record(parser, &record) ||
		    record.payload.left != 0)
			return refuse(parser, -EINVAL, plan_refusal(record.kind));
	}
	return 0;
}

int plan_parse(const unsigned char *data, size_t size, struct plan *plan, const char **why)
{
	struct parser parser = {.plan = plan};
	int error;

	*plan = (struct plan){0};
	error = parse(&parser, (struct cursor){data, size});
	if (error != 0) {
		*why = parser.why;
		plan_free(plan);
	}
	return error;
}

void plan_free(struct plan *plan)
{
	free(plan->memory);
	*plan = (struct plan){0};
}

bool plan_only_watches(const struct plan *plan)
{
	unsigned int permitted = 0;

	if (!plan->has_notify || plan->has_landlock || plan->namespaces ||
	    plan->notify & ~(uint32_t)(NOTIFY_RECORD_ALLOWED | NOTIFY_RECORD_FAILED |
				       NOTIFY_MAKES_SOCKETS | NOTIFY_TELLS_REFUSED))
		return false;
	for (size_t i = 0; i < plan->rule_count; i++) {
		if (!plan->rules[i].permit)
			return false;
		if (plan->rules[i].atom_count == 0 && !plan->rules[i].only_failing)
			permitted |= plan->rules[i].actions;
	}
	return permitted == (1u << ACTION_COUNT) - 1;
}

bool plan_makes_sockets(const struct plan *plan)
{
	return plan->has_notify && plan->notify & NOTIFY_MAKES_SOCKETS;
}
