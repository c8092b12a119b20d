/*
 * Two questions about a file with several names. Is one of the others forbidden? A process forked
 * before the box is closed looks through what the forbid rules name and leaves a table of such
 * files. And may it be written, though the others cannot be seen from here? Only when every name is
 * accounted for: they lie where the box may write, or the box made them.
 */
#include "links.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "../common/fd.h"
#include "namespaces.h"
#include "overlay.h"
#include "roots.h"
#include "tree.h"
#include "uapi.h"

enum {
	/* Entries looked at for the forbidden names, and for names the box may write. */
	FORBIDDEN_ENTRIES_MAX = 200000,
	WRITABLE_ENTRIES_MAX = 20000,
	FORBIDDEN_MAX = 16384,
	COUNTED_MAX = 16384,
	/* How long a look at the writable places is believed, and how soon there may be another. */
	COUNTS_MS = 10000,
	RECOUNT_MS = 1000,
};

struct forbidden {
	dev_t device;
	ino_t inode;
	/* The forbid rule, for reading and for writing; JUDGE_NO_RULE: none. */
	uint32_t rules[2];
};

/* Written by the process that looks, read when it has ended. */
struct found {
	bool is_whole;
	uint32_t count;
	struct forbidden files[FORBIDDEN_MAX];
};

struct counted {
	dev_t device;
	ino_t inode;
	nlink_t names;
	/* Made by the box: does not grow old. The time of birth tells it from a later file. */
	bool is_own;
	uint64_t birth;
};

static struct {
	pthread_mutex_t lock;
	const struct plan *plan;
	const struct judge *judge;
	/* Whether every path may be written that no forbid rule names. */
	bool writes_everywhere;
	/* A file has another device there than it had when it was found. */
	bool has_overlay;
	struct found *found;
	int finished;
	struct counted *counts;
	size_t count;
	uint64_t counted_ms;
} links = {.lock = PTHREAD_MUTEX_INITIALIZER, .finished = -1};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t forbidding(enum action action, const char *path, size_t size)
{
	struct verdict verdict = judge_path(links.judge, action, path, size);

	return verdict.allowed ? JUDGE_NO_RULE : verdict.rule;
}

static void note_forbidden(void *context, const char *path, size_t size, const struct stat *status)
{
	struct found *found = context;
	struct forbidden file = {.device = status->st_dev, .inode = status->st_ino};

	if (!S_ISREG(status->st_mode) || status->st_nlink < 2)
		return;
	file.rules[0] = forbidding(ACTION_FILE_READ, path, size);
	file.rules[1] = forbidding(ACTION_FILE_WRITE, path, size);
	if (file.rules[0] == JUDGE_NO_RULE && file.rules[1] == JUDGE_NO_RULE)
		return;
	if (found->count == FORBIDDEN_MAX)
		found->is_whole = false;
	else
		found->files[found->count++] = file;
}

/* The process that looks; it ends with what keeps `finished` open. */
static _Noreturn void look(const struct roots *roots, pid_t broker, int finished)
{
	size_t budget = FORBIDDEN_ENTRIES_MAX;
	bool is_whole = roots->is_whole;

	/* Nothing of the broker's but the one end that says when it is over. */
	if ((finished > 0 && uapi_close_range(0, (unsigned int)finished - 1) < 0) ||
	    uapi_close_range((unsigned int)finished + 1, UINT_MAX) < 0)
		_exit(1);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || namespaces_drop_capabilities() < 0 ||
	    getppid() != broker)
		_exit(1);
	links.found->is_whole = true;
	for (size_t i = 0; i < roots->count; i++) {
		if (!tree_walk(roots->paths[i], &budget, note_forbidden, links.found))
			is_whole = false;
	}
	if (!is_whole)
		links.found->is_whole = false;
	_exit(0);
}

static void note_reach(const struct plan *plan)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		const struct plan_atom *atom = rule->atoms;

		if (rule->permit && (rule->actions & 1 << ACTION_FILE_WRITE) &&
		    (rule->atom_count == 0 ||
		     (rule->atom_count == 1 && atom->kind == ATOM_PATH_IN && !atom->negated &&
		      atom->size == 1)))
			links.writes_everywhere = true;
	}
}

int links_start(const struct plan *plan, const struct judge *judge)
{
	struct roots roots;
	int pair[2];
	pid_t broker;
	pid_t child;

	links.plan = plan;
	links.judge = judge;
	links.has_overlay = overlay_is_used(plan);
	note_reach(plan);
	roots_collect(plan, false, &roots);
	links.counts = calloc(COUNTED_MAX, sizeof(*links.counts));
	links.found = mmap(NULL, sizeof(*links.found), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!links.counts || links.found == MAP_FAILED)
		return -ENOMEM;
	links.found->is_whole = roots.is_whole && roots.count == 0;
	if (roots.count == 0)
		return 0;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	broker = getpid();
	child = fork();
	if (child == 0)
		look(&roots, broker, pair[1]);
	close(pair[1]);
	links.finished = pair[0];
	roots_free(&roots);
	return child < 0 ? -errno : 0;
}

/* Waits for the process that looks. What it has written may be read afterwards. */
static const struct found *forbidden_files(void)
{
	char none;

	if (links.finished >= 0) {
		(void)fd_read(links.finished, &none, 1);
		fd_close_at(&links.finished);
	}
	return links.found;
}

static struct verdict judge_forbidden(const struct target *target, enum action action)
{
	const struct found *found = forbidden_files();
	struct verdict verdict = {found->is_whole || getuid() != target->owner, JUDGE_NO_RULE};

	for (uint32_t i = 0; i < found->count; i++) {
		const struct forbidden *file = &found->files[i];
		uint32_t rule = file->rules[action == ACTION_FILE_WRITE];

		if ((file->device == target->device || links.has_overlay) &&
		    file->inode == target->inode && rule != JUDGE_NO_RULE)
			return (struct verdict){false, rule};
	}
	return verdict;
}

static struct counted *find_count(dev_t device, ino_t inode)
{
	for (size_t i = 0; i < links.count; i++) {
		if (links.counts[i].inode == inode && links.counts[i].device == device)
			return &links.counts[i];
	}
	return NULL;
}

static void count_name(void *unused, const char *path, size_t size, const struct stat *status)
{
	struct counted *counted;

	(void)unused;
	if (!S_ISREG(status->st_mode) || status->st_nlink < 2 ||
	    !judge_path(links.judge, ACTION_FILE_WRITE, path, size).allowed)
		return;
	counted = find_count(status->st_dev, status->st_ino);
	if (counted && !counted->is_own)
		counted->names++;
	else if (!counted && links.count < COUNTED_MAX)
		links.counts[links.count++] = (struct counted){
			.device = status->st_dev,
			.inode = status->st_ino,
			.names = 1,
		};
}

static void count_names(void)
{
	size_t budget = WRITABLE_ENTRIES_MAX;
	struct roots roots;
	size_t kept = 0;

	for (size_t i = 0; i < links.count; i++) {
		if (links.counts[i].is_own)
			links.counts[kept++] = links.counts[i];
	}
	links.count = kept;
	roots_collect(links.plan, true, &roots);
	for (size_t i = 0; i < roots.count; i++)
		(void)tree_walk(roots.paths[i], &budget, count_name, NULL);
	roots_free(&roots);
	links.counted_ms = now_ms();
}

static uint64_t birth_of(const struct target *target)
{
	struct ae_statx status;

	if (syscall(SYS_statx, target->fd, "", AT_EMPTY_PATH, AE_STATX_BTIME, &status) < 0 ||
	    !(status.mask & AE_STATX_BTIME))
		return 0;
	return (uint64_t)status.birth_seconds * 1000000000u + status.birth_nanoseconds;
}

/* Whether all names are known to be where the box may write. */
static bool is_accounted(const struct target *target)
{
	const struct counted *counted = find_count(target->device, target->inode);

	if (!counted || counted->names < target->links)
		return false;
	if (counted->is_own)
		return counted->birth == birth_of(target);
	return now_ms() - links.counted_ms <= COUNTS_MS;
}

static bool may_write(const struct target *target)
{
	if (links.writes_everywhere)
		return forbidden_files()->is_whole;
	if (is_accounted(target))
		return true;
	if (links.counted_ms && now_ms() - links.counted_ms < RECOUNT_MS)
		return false;
	count_names();
	return is_accounted(target);
}

struct verdict links_judge(const struct target *target, enum action action)
{
	struct verdict verdict = {true, JUDGE_NO_RULE};

	if (!S_ISREG(target->mode) || target->links < 2 || target->is_memory)
		return verdict;
	pthread_mutex_lock(&links.lock);
	verdict = judge_forbidden(target, action);
	if (verdict.allowed && action == ACTION_FILE_WRITE && !may_write(target))
		verdict.allowed = false;
	pthread_mutex_unlock(&links.lock);
	return verdict;
}

static void note_link(const struct target *target)
{
	struct counted *counted = find_count(target->device, target->inode);
	bool is_known = target->links == 1 || is_accounted(target);
	uint64_t birth = birth_of(target);

	if (!is_known || !birth || !S_ISREG(target->mode))
		return;
	if (!counted && links.count == COUNTED_MAX)
		return;
	if (!counted)
		counted = &links.counts[links.count++];
	*counted = (struct counted){
		.device = target->device,
		.inode = target->inode,
		.names = target->links + 1,
		.is_own = true,
		.birth = birth,
	};
}

void links_note_link(const struct target *target, bool writable)
{
	pthread_mutex_lock(&links.lock);
	if (writable)
		note_link(target);
	pthread_mutex_unlock(&links.lock);
}
