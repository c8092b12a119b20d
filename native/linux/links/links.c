/*
 * Two questions about a file with several names. Is one of the others forbidden (scan.h)? And may
 * it be written, though the others cannot be seen from here: are all of them where the box may
 * write (counts.h)? What the second question covers needs no answer to the first.
 *
 * Names change only through the broker, one at a time. A count that one of them moves under is not
 * believed, and no forbidden name moves while forbidden places are looked through.
 */
#include "links.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../judge/installed.h"
#include "counts.h"
#include "roots.h"
#include "scan.h"

/* How long a look waits for a name that moves, which a dead file system may hold up. */
enum { MOVE_SECONDS = 5, REMOVED_MAX = 4096 };

/* A forbidden file that has lost its forbidden name to the box. */
struct removed {
	dev_t device;
	ino_t inode;
	/* Tells it from a later file. */
	uint64_t birth;
	uint32_t rules[2];
};

static struct {
	bool is_started;
	const struct plan *plan;
	const struct judge *judge;
	/* Whether every path may be written that no forbid rule names. */
	bool writes_everywhere;
	/* A rule forbids reading something where programs are installed. */
	bool has_installed_secrets;
	/* Held while something is counted, and while something is looked for; the second takes
	 * long and must not hold up who only makes a link. */
	pthread_mutex_t counting;
	/* A change under way has taken a known name from this file; under `counting`. */
	struct {
		bool is_one;
		dev_t device;
		ino_t inode;
	} lost;
	pthread_mutex_t looking;
	/* What follows is under this lock. */
	pthread_mutex_t changes;
	pthread_cond_t calm;
	bool is_moving;
	bool is_looking;
	/* A move did not end in time: the look may have missed it. */
	bool is_doubtful;
	/* Odd while a name changes. */
	uint64_t generation;
	struct removed removed[REMOVED_MAX];
	atomic_size_t removed_count;
} links = {
	.counting = PTHREAD_MUTEX_INITIALIZER,
	.looking = PTHREAD_MUTEX_INITIALIZER,
	.changes = PTHREAD_MUTEX_INITIALIZER,
	.calm = PTHREAD_COND_INITIALIZER,
};

static bool is_root_alone(const struct plan_rule *rule)
{
	const struct plan_atom *atom = rule->atoms;

	return rule->atom_count == 0 || (rule->atom_count == 1 && atom->kind == ATOM_PATH_IN &&
					 !atom->negated && atom->size == 1);
}

static bool writes_everywhere(const struct plan *plan)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		if (rule->permit && !rule->only_failing &&
		    (rule->actions & 1 << ACTION_FILE_WRITE) && is_root_alone(rule))
			return true;
	}
	return false;
}

bool links_needs_look(const struct plan *plan)
{
	return plan->notify & NOTIFY_BROKER_OPEN ||
	       (plan->notify & NOTIFY_BROKER_CREATE && writes_everywhere(plan));
}

void links_start(const struct plan *plan, const struct judge *judge)
{
	links.is_started = true;
	links.plan = plan;
	links.judge = judge;
	links.writes_everywhere = writes_everywhere(plan);
	counts_start(plan, judge);
}

static uint64_t generation(void)
{
	uint64_t number;

	pthread_mutex_lock(&links.changes);
	number = links.generation;
	pthread_mutex_unlock(&links.changes);
	return number;
}

/* The first time it looks, and nothing moves meanwhile. */
static struct scanned find_forbidden(const struct target *target)
{
	struct timespec end;
	struct scanned scanned;
	int error = 0;

	pthread_mutex_lock(&links.looking);
	if (scan_is_ahead()) {
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec += MOVE_SECONDS;
		pthread_mutex_lock(&links.changes);
		while (links.is_moving && error == 0)
			error = pthread_cond_timedwait(&links.calm, &links.changes, &end);
		links.is_doubtful = links.is_doubtful || links.is_moving;
		links.is_looking = true;
		pthread_mutex_unlock(&links.changes);
	}
	scanned = scan_find(target->device, target->inode);
	pthread_mutex_lock(&links.changes);
	if (links.is_looking)
		pthread_cond_broadcast(&links.calm);
	links.is_looking = false;
	if (links.is_doubtful)
		scanned.is_whole = false;
	pthread_mutex_unlock(&links.changes);
	pthread_mutex_unlock(&links.looking);
	return scanned;
}

static void note_secrets(void)
{
	struct roots roots;

	roots_collect(links.plan, false, 1u << ACTION_FILE_READ, &roots);
	links.has_installed_secrets = !roots.is_whole;
	for (size_t i = 0; i < roots.count; i++) {
		if (installed_holds(roots.paths[i]))
			links.has_installed_secrets = true;
	}
	roots_free(&roots);
}

/*
 * What is installed, and not the box's to write, is free to read where no rule keeps a part of it
 * from being read: every program loads such files, and on some systems each has several names.
 */
static bool is_free(const struct target *target)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!installed_is_system(links.plan, target->path))
		return false;
	pthread_once(&once, note_secrets);
	return !links.has_installed_secrets;
}

/* Of a file whose names could not all be looked for. */
static bool is_at_risk(const struct target *target, bool writable)
{
	return getuid() == target->owner &&
	       (writable || !installed_is_system(links.plan, target->path));
}

static bool is_covered(const struct target *target, bool may_look)
{
	bool covered;

	pthread_mutex_lock(&links.counting);
	covered = may_look ? counts_cover(target, generation) : counts_know(target);
	pthread_mutex_unlock(&links.counting);
	return covered;
}

/* The broker itself only looks where another process has come back from: a file system that does
 * not answer would hold up all who ask. */
static struct verdict judge_names(const struct target *target, enum action action)
{
	const struct verdict allowed = {true, JUDGE_NO_RULE};
	const struct verdict unknown = {false, JUDGE_SEVERAL_NAMES};
	bool writable =
		judge_path(links.judge, ACTION_FILE_WRITE, target->path, target->size).allowed;
	struct scanned scanned;
	uint32_t rule;

	if (writable ? is_covered(target, false) : action == ACTION_FILE_READ && is_free(target))
		return allowed;
	scanned = find_forbidden(target);
	rule = scanned.rules[action == ACTION_FILE_WRITE];
	if (rule != JUDGE_NO_RULE)
		return (struct verdict){false, rule};
	if (action == ACTION_FILE_WRITE && links.writes_everywhere && scanned.is_whole)
		return allowed;
	if (action == ACTION_FILE_READ && (scanned.is_whole || !is_at_risk(target, writable)))
		return allowed;
	return writable && scanned.is_over && is_covered(target, true) ? allowed : unknown;
}

static uint32_t removed_rule(const struct target *target, enum action action)
{
	uint32_t rule = JUDGE_NO_RULE;

	pthread_mutex_lock(&links.changes);
	for (size_t i = 0; i < links.removed_count; i++) {
		const struct removed *removed = &links.removed[i];

		if (removed->inode == target->inode && removed->device == target->device &&
		    removed->birth == counts_birth(target->fd, ""))
			rule = removed->rules[action == ACTION_FILE_WRITE];
	}
	pthread_mutex_unlock(&links.changes);
	return rule;
}

struct verdict links_judge(const struct target *target, enum action action)
{
	struct verdict verdict = {true, JUDGE_NO_RULE};

	if (!S_ISREG(target->mode) || target->is_memory)
		return verdict;
	if (links.removed_count > 0) {
		uint32_t rule = removed_rule(target, action);

		if (rule != JUDGE_NO_RULE)
			return (struct verdict){false, rule};
	}
	if (target->links < 2)
		return verdict;
	return judge_names(target, action);
}

/*
 * A file keeps being forbidden under its other names when the forbidden one goes. Without room for
 * it everything with several names is doubtful.
 */
static void note_removed(const struct entry *at)
{
	const struct target *target = &at->target;
	struct removed removed = {
		target->device, target->inode, counts_birth(target->fd, at->name), {0}};
	size_t count = 0;

	for (size_t i = 0; i < 2; i++)
		removed.rules[i] =
			scan_forbidding(links.judge, i ? ACTION_FILE_WRITE : ACTION_FILE_READ,
					target->path, target->size);
	if (removed.rules[0] == JUDGE_NO_RULE && removed.rules[1] == JUDGE_NO_RULE)
		return;
	pthread_mutex_lock(&links.changes);
	while (count < links.removed_count &&
	       memcmp(&links.removed[count], &removed, sizeof(removed)))
		count++;
	if (count < REMOVED_MAX) {
		links.removed[count] = removed;
		if (count == links.removed_count)
			links.removed_count = count + 1;
	} else {
		links.is_doubtful = true;
	}
	pthread_mutex_unlock(&links.changes);
}

static bool has_other_names(const struct entry *at)
{
	const struct target *target = &at->target;

	return links.is_started && target->state == TARGET_EXISTS && S_ISREG(target->mode) &&
	       target->links > 1;
}

static void lose_name(const struct entry *at)
{
	if (!has_other_names(at))
		return;
	note_removed(at);
	pthread_mutex_lock(&links.counting);
	links.lost.is_one = counts_drop(at->target.device, at->target.inode);
	links.lost.device = at->target.device;
	links.lost.inode = at->target.inode;
	pthread_mutex_unlock(&links.counting);
}

/* What was not done has taken no name. */
static void settle(bool is_done)
{
	pthread_mutex_lock(&links.counting);
	if (links.lost.is_one && !is_done)
		counts_restore(links.lost.device, links.lost.inode);
	links.lost.is_one = false;
	pthread_mutex_unlock(&links.counting);
}

/* Two names of one file: to move one onto the other changes neither. */
static bool is_same_file(const struct entry *from, const struct entry *to)
{
	return to->target.state == TARGET_EXISTS && from->target.inode == to->target.inode &&
	       from->target.device == to->target.device;
}

/* What changes no count and no folder's place needs no care. */
static void begin(bool matters, bool moves_forbidden)
{
	if (!matters && !moves_forbidden)
		return;
	pthread_mutex_lock(&links.changes);
	while (moves_forbidden && links.is_looking)
		pthread_cond_wait(&links.calm, &links.changes);
	links.is_moving = moves_forbidden;
	links.generation++;
	pthread_mutex_unlock(&links.changes);
}

void links_begin_removal(const struct entry *at)
{
	lose_name(at);
	begin(has_other_names(at), false);
}

void links_begin_move(const struct entry *from, const struct entry *to, enum moves_kind kind,
		      bool moves_forbidden)
{
	bool is_replaced = to->target.state == TARGET_EXISTS;
	bool moves = S_ISDIR(from->target.mode) || (is_replaced && S_ISDIR(to->target.mode));

	if (has_other_names(from))
		note_removed(from);
	if (kind == MOVES_EXCHANGE && has_other_names(to))
		note_removed(to);
	else if (kind != MOVES_EXCHANGE && !is_same_file(from, to))
		lose_name(to);
	begin(moves || has_other_names(from) || has_other_names(to), moves_forbidden);
}

void links_begin_link(void)
{
	begin(true, false);
}

void links_end_change(bool is_done)
{
	settle(is_done);
	pthread_mutex_lock(&links.changes);
	if (links.generation % 2)
		links.generation++;
	links.is_moving = false;
	pthread_cond_broadcast(&links.calm);
	pthread_mutex_unlock(&links.changes);
}

void links_note_link(const struct target *target)
{
	if (!judge_path(links.judge, ACTION_FILE_WRITE, target->path, target->size).allowed)
		return;
	pthread_mutex_lock(&links.counting);
	counts_add(target);
	pthread_mutex_unlock(&links.counting);
}
