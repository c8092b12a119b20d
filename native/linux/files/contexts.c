/*
 * What is kept belongs to the thread that asked for it, so nobody closes a descriptor that another
 * one is using. It is kept by the number of the caller's thread, for so short a time that the
 * number still means it and no later one. Any umask(2) or change of a current directory in the box
 * makes everybody forget everything, because a context may be shared.
 *
 * The kernel does that call some time after it was told to go on. Until then nothing new is kept:
 * until its thread is seen in another call, or is gone. What nobody can see from outside is a
 * process whose number goes over to a thread of its own that executes a program; such a thread may
 * have another context only if it was made or became so by a call of its own, and from there on
 * nothing is kept any more.
 */
#include "contexts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/limits.h"
#include "../uapi.h"

enum { KEPT_MAX = 16, CHANGING_MAX = 32 };

struct context {
	pid_t tid;
	uint64_t until_ms;
	/* -1: not asked for yet. */
	int umask;
	int folder;
};

static struct {
	pthread_mutex_t lock;
	bool keeps_umasks;
	bool keeps_folders;
	/* Nobody has a context whose changes cannot be told. */
	atomic_bool may_keep;
	/* Moves on with every change: what was kept before it is not believed. */
	atomic_ulong generation;
	/* Whose call may still be to come; under the lock. */
	pid_t changing[CHANGING_MAX];
	atomic_size_t changing_count;
} contexts = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
	bool keeps;
	unsigned long generation;
	struct context kept[KEPT_MAX];
} own;

void contexts_start(bool umasks, bool folders)
{
	contexts.keeps_umasks = umasks;
	contexts.keeps_folders = folders;
	contexts.may_keep = umasks || folders;
}

static void renew(struct context *kept, pid_t tid, uint64_t until_ms)
{
	*kept = (struct context){.tid = tid, .until_ms = until_ms, .umask = -1, .folder = -1};
}

void contexts_enter(void)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		renew(&own.kept[i], 0, 0);
	own.keeps = true;
}

static void forget_own(void)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		fd_close_at(&own.kept[i].folder);
		renew(&own.kept[i], 0, 0);
	}
}

void contexts_leave(void)
{
	forget_own();
	own.keeps = false;
}

/* Not asked of /proc, which need not show everybody. */
static bool is_gone(pid_t tid)
{
	return syscall(SYS_tkill, tid, 0) < 0 && errno == ESRCH;
}

static bool is_change(long call)
{
	return call == SYS_umask || call == SYS_chdir || call == SYS_fchdir;
}

/* "running" may be on its way to the kernel, and a fault, -1, on its way there and back. */
static bool has_changed(pid_t tid)
{
	const struct caller caller = {.tid = tid};
	char text[128];
	ssize_t size = caller_read_file(&caller, "syscall", text, sizeof(text));

	if (size < 0)
		return is_gone(tid);
	return text[0] >= '0' && text[0] <= '9' && !is_change(strtol(text, NULL, 10));
}

/* `tid` is in a call that changes nothing, or 0: whoever may be. */
static void settle(pid_t tid)
{
	for (size_t i = contexts.changing_count; i-- > 0;) {
		pid_t changing = contexts.changing[i];

		if (changing == tid || has_changed(changing))
			contexts.changing[i] = contexts.changing[--contexts.changing_count];
	}
}

static bool is_changing(pid_t tid)
{
	bool is_any;

	if (contexts.changing_count == 0)
		return false;
	pthread_mutex_lock(&contexts.lock);
	settle(tid);
	is_any = contexts.changing_count > 0;
	pthread_mutex_unlock(&contexts.lock);
	return is_any;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What is kept, or to be kept, of a caller; NULL: nothing may be. */
static struct context *find(const struct caller *caller)
{
	struct context *kept = &own.kept[(unsigned int)caller->tid % KEPT_MAX];
	/* First: a change that comes later makes what is read from here on old. */
	unsigned long generation = contexts.generation;
	uint64_t now;

	if (!own.keeps)
		return NULL;
	if (own.generation != generation)
		forget_own();
	own.generation = generation;
	if (!contexts.may_keep || is_changing(caller->tid))
		return NULL;
	now = now_ms();
	if (kept->tid != caller->tid || kept->until_ms < now) {
		fd_close_at(&kept->folder);
		renew(kept, caller->tid, now + AE_THREAD_TTL_MS);
	}
	return kept;
}

int contexts_umask(const struct caller *caller)
{
	struct context *kept = contexts.keeps_umasks ? find(caller) : NULL;

	if (!kept)
		return caller_umask(caller);
	if (kept->umask < 0)
		kept->umask = caller_umask(caller);
	return kept->umask;
}

int contexts_folder(const struct caller *caller, int *owned)
{
	struct context *kept = contexts.keeps_folders ? find(caller) : NULL;
	int folder;

	*owned = -1;
	if (kept && kept->folder >= 0)
		return kept->folder;
	folder = caller_open(caller, "cwd", O_PATH);
	if (folder >= 0)
		*(kept ? &kept->folder : owned) = folder;
	return folder;
}

static void change(pid_t tid)
{
	bool is_known = false;

	pthread_mutex_lock(&contexts.lock);
	if (contexts.changing_count == CHANGING_MAX)
		settle(0);
	for (size_t i = 0; i < contexts.changing_count; i++)
		is_known = is_known || contexts.changing[i] == tid;
	if (!is_known && contexts.changing_count == CHANGING_MAX)
		contexts.may_keep = false;
	else if (!is_known)
		contexts.changing[contexts.changing_count++] = tid;
	contexts.generation++;
	pthread_mutex_unlock(&contexts.lock);
}

void contexts_tell(const struct caller *caller, bool parts)
{
	if (!contexts.may_keep)
		return;
	if (parts)
		contexts.may_keep = false;
	else
		change(caller->tid);
}
