/*
 * The same parts as the broker judges for the same calls (names.c, moves.c, changes.c): a name that
 * goes, a name that comes, and what a file would be under its new name and is not under the old.
 */
#include "lend_parts.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "lend_wire.h"

struct finding {
	const struct judge *judge;
	const char *const *paths;
	struct lend_reply *parts;
	bool is_forbidden;
};

static void forbid(struct finding *finding, enum action action, int which, uint32_t rule)
{
	finding->is_forbidden = true;
	finding->parts->count = 1;
	finding->parts->parts[0] = (struct lend_part){
		.rule = rule, .action = (uint8_t)action, .is_second = (uint8_t)which};
}

static struct verdict judge(const struct finding *finding, enum action action, int which)
{
	const char *path = finding->paths[which];

	return judge_path(finding->judge, action, path, strlen(path));
}

static void add(struct finding *finding, enum action action, int which)
{
	struct lend_reply *parts = finding->parts;
	struct verdict verdict = judge(finding, action, which);

	if (finding->is_forbidden)
		return;
	for (uint32_t i = 0; i < parts->count; i++) {
		if (parts->parts[i].action == action && parts->parts[i].is_second == which)
			return;
	}
	if (!verdict.allowed && verdict.rule != JUDGE_NO_RULE) {
		forbid(finding, action, which, verdict.rule);
		return;
	}
	parts->parts[parts->count++] = (struct lend_part){
		.rule = verdict.rule,
		.action = (uint8_t)action,
		.is_second = (uint8_t)which,
		.is_asked = !verdict.allowed,
	};
}

/* What is denied under the name `from` must not become allowed under the name `to` unasked. */
static void add_gains(struct finding *finding, int from, int to)
{
	static const enum action actions[] = {ACTION_FILE_READ, ACTION_FILE_WRITE};

	for (size_t i = 0; i < 2; i++) {
		if (judge(finding, actions[i], to).allowed)
			add(finding, actions[i], from);
	}
}

/* What is protected below moves along. */
static void check_below(struct finding *finding, int which, enum action action)
{
	const char *path = finding->paths[which];
	uint32_t rule = judge_forbid_below(finding->judge, path, strlen(path));

	if (rule != JUDGE_NO_RULE && !finding->is_forbidden)
		forbid(finding, action, which, rule);
}

static void add_move(struct finding *finding, uint64_t flags, bool is_folder)
{
	add(finding, ACTION_FILE_DELETE, 0);
	add(finding, ACTION_FILE_WRITE, 1);
	add_gains(finding, 0, 1);
	if (flags & RENAME_EXCHANGE) {
		add(finding, ACTION_FILE_WRITE, 0);
		add(finding, ACTION_FILE_DELETE, 1);
		add_gains(finding, 1, 0);
	}
	if (is_folder || (flags & RENAME_EXCHANGE)) {
		check_below(finding, 0, ACTION_FILE_DELETE);
		check_below(finding, 1, ACTION_FILE_WRITE);
	}
}

/* All of an open is asked about, as one question. */
static void add_open(struct finding *finding, uint16_t actions)
{
	for (int action = 0; action < ACTION_COUNT; action++) {
		if (actions >> action & 1)
			add(finding, (enum action)action, 0);
	}
	for (uint32_t i = 0; i < finding->parts->count; i++)
		finding->parts->parts[i].is_asked = true;
}

static void add_made_file(struct finding *finding, uint64_t flags)
{
	add(finding, ACTION_FILE_WRITE, 0);
	if ((flags & O_ACCMODE) != O_WRONLY)
		add(finding, ACTION_FILE_READ, 0);
}

bool lend_parts_find(const struct judge *judge, const struct lend_request *request,
		     const char *const paths[2], bool is_folder, struct lend_reply *parts)
{
	struct finding finding = {.judge = judge, .paths = paths, .parts = parts};

	parts->count = 0;
	switch ((enum lend_kind)request->kind) {
	case LEND_OPEN:
		add_open(&finding, lend_actions(request->flags, is_folder));
		break;
	case LEND_CHANGE:
	case LEND_MAKE_NODE:
	case LEND_MAKE_SYMLINK:
	case LEND_BIND:
	case LEND_CONNECT:
		add(&finding, ACTION_FILE_WRITE, 0);
		break;
	case LEND_LINK:
		add(&finding, ACTION_FILE_READ, 0);
		add(&finding, ACTION_FILE_WRITE, 1);
		add_gains(&finding, 0, 1);
		break;
	case LEND_MAKE_FILE:
		add_made_file(&finding, request->flags);
		break;
	case LEND_MAKE_FOLDER:
		add(&finding, ACTION_DIR_CREATE, 0);
		break;
	case LEND_REMOVE:
		add(&finding, ACTION_FILE_DELETE, 0);
		break;
	case LEND_MOVE:
		add_move(&finding, request->flags, is_folder);
		break;
	case LEND_KINDS:
		break;
	}
	return !finding.is_forbidden && parts->count > 0;
}
