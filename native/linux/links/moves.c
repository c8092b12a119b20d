/*
 * A moved or linked file is reachable under its new name, so what the policy denies at the old name
 * must not become allowed at the new one. A directory takes along every name below it: names that a
 * forbid rule protects must neither leave nor arrive. Where a rule names a place that is seen from
 * the rule table; where it is a pattern, the tree is looked through.
 */
#include "moves.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fd.h"

enum { ENTRIES_MAX = 20000, DEPTH_MAX = 64 };

/* A path below the moved directory, under its old and its new name. */
struct carried {
	const struct named *from_root;
	const struct named *to_root;
	char from[AE_PATH_MAX];
	char to[AE_PATH_MAX];
	size_t entries;
};

static bool is_forbidden(struct verdict verdict)
{
	return !verdict.allowed && verdict.rule != JUDGE_NO_RULE;
}

/* A denial is a row about `root`. */
static int judge_names(struct request *request, const struct named *root, const char *from,
		       const char *to)
{
	static const enum action actions[] = {ACTION_FILE_READ, ACTION_FILE_WRITE};
	const struct judge *judge = request->rules->judge;

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		struct verdict here = judge_path(judge, actions[i], from, strlen(from));
		struct verdict there = judge_path(judge, actions[i], to, strlen(to));

		if (!here.allowed && there.allowed &&
		    !(request->is_asked && here.rule == JUDGE_NO_RULE)) {
			request_refuse(request, actions[i], root, here.rule);
			return EACCES;
		}
		if (is_forbidden(here) || is_forbidden(there))
			request->moves_forbidden = true;
	}
	return ANSWER_CONTINUE;
}

/* What is denied at the old name must not become allowed at the new one. */
static int judge_pair(struct request *request, const struct named *from, const struct named *to)
{
	return judge_names(request, from, from->at.target.path, to->at.target.path);
}

/* One entry below: is there a gain, or does a protected name arrive? */
static int judge_carried(struct request *request, const struct carried *carried)
{
	struct verdict arrives = judge_path(request->rules->judge, ACTION_FILE_WRITE, carried->to,
					    strlen(carried->to));
	int answer = judge_names(request, carried->from_root, carried->from, carried->to);

	if (answer != ANSWER_CONTINUE || !is_forbidden(arrives))
		return answer;
	request_refuse(request, ACTION_FILE_WRITE, carried->to_root, arrives.rule);
	return EACCES;
}

static bool extend(struct carried *carried, const char *name)
{
	size_t size = strlen(name);
	size_t from = strlen(carried->from);
	size_t to = strlen(carried->to);

	if (from + size + 2 > sizeof(carried->from) || to + size + 2 > sizeof(carried->to))
		return false;
	carried->from[from] = '/';
	memcpy(carried->from + from + 1, name, size + 1);
	carried->to[to] = '/';
	memcpy(carried->to + to + 1, name, size + 1);
	return true;
}

static void shorten(char *path)
{
	*strrchr(path, '/') = 0;
}

/* The open directories from the moved one down to where the look is. */
struct trail {
	DIR *open[DEPTH_MAX];
	size_t depth;
};

/* Goes into `name` if it is a directory. False when it is one but cannot be looked into. */
static bool descend(struct trail *trail, const char *name)
{
	int fd = openat(dirfd(trail->open[trail->depth - 1]), name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP;
	if (trail->depth == DEPTH_MAX || !(trail->open[trail->depth] = fdopendir(fd))) {
		close(fd);
		return false;
	}
	trail->depth++;
	return true;
}

/* Judges the next entry of the innermost directory, or leaves it. */
static int judge_next(struct request *request, struct trail *trail, struct carried *carried)
{
	const struct dirent *entry = readdir(trail->open[trail->depth - 1]);
	size_t before = trail->depth;
	int answer;

	if (!entry) {
		closedir(trail->open[--trail->depth]);
		shorten(carried->from);
		shorten(carried->to);
		return ANSWER_CONTINUE;
	}
	if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
		return ANSWER_CONTINUE;
	if (++carried->entries > ENTRIES_MAX || !extend(carried, entry->d_name))
		return EXDEV;
	answer = judge_carried(request, carried);
	if (answer == ANSWER_CONTINUE && !descend(trail, entry->d_name))
		answer = EXDEV;
	if (trail->depth == before) {
		shorten(carried->from);
		shorten(carried->to);
	}
	return answer;
}

static int judge_tree(struct request *request, struct carried *carried, int root)
{
	struct trail trail = {.depth = 1};
	int answer = ANSWER_CONTINUE;

	trail.open[0] = fdopendir(root);
	if (!trail.open[0]) {
		close(root);
		return EXDEV;
	}
	while (trail.depth > 0 && answer == ANSWER_CONTINUE)
		answer = judge_next(request, &trail, carried);
	while (trail.depth > 0)
		closedir(trail.open[--trail.depth]);
	return answer;
}

static int judge_directory(struct request *request, const struct named *from,
			   const struct named *to)
{
	const struct judge *judge = request->rules->judge;
	const struct named *names[] = {from, to};
	struct carried carried = {.from_root = from, .to_root = to};
	int root;

	for (size_t i = 0; i < 2; i++) {
		const struct target *target = &names[i]->at.target;
		uint32_t rule = judge_forbid_below(judge, target->path, target->size);

		if (rule != JUDGE_NO_RULE) {
			request_refuse(request, i ? ACTION_FILE_WRITE : ACTION_FILE_DELETE,
				       names[i], rule);
			return EACCES;
		}
	}
	if (!judge_has_patterns(judge))
		return ANSWER_CONTINUE;
	if (from->at.target.size >= AE_PATH_MAX || to->at.target.size >= AE_PATH_MAX)
		return EXDEV;
	memcpy(carried.from, from->at.target.path, from->at.target.size + 1);
	memcpy(carried.to, to->at.target.path, to->at.target.size + 1);
	root = openat(from->at.target.fd, from->at.name,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return root < 0 ? EXDEV : judge_tree(request, &carried, root);
}

static int judge_way(struct request *request, const struct named *from, const struct named *to)
{
	int answer = judge_pair(request, from, to);

	if (answer == ANSWER_CONTINUE && request->rules->moves_copy &&
	    S_ISREG(from->at.target.mode) && from->at.target.links > 1)
		return EXDEV;
	if (answer != ANSWER_CONTINUE || !S_ISDIR(from->at.target.mode))
		return answer;
	return judge_directory(request, from, to);
}

int moves_judge(struct request *request, enum moves_kind kind)
{
	int answer;

	if (kind == MOVES_LINK)
		return judge_pair(request, &request->first, &request->second);
	answer = judge_way(request, &request->first, &request->second);
	if (answer == ANSWER_CONTINUE && kind == MOVES_EXCHANGE)
		answer = judge_way(request, &request->second, &request->first);
	return answer;
}
