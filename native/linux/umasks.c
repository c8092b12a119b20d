/*
 * A umask is kept with the number of the thread and with its directory below /proc. As long as a
 * file is found there the directory's process is alive, so the number still means it and no later
 * one. Any umask(2) of the box forgets all that is kept, because it may be shared.
 *
 * The kernel does that call some time after it was told to go on. Until then nothing new is kept:
 * until its thread is seen in another call, or is gone. What nobody can see from outside is a
 * process whose number goes over to a thread of its own that executes a program; such a thread may
 * have another umask only if it was made or became so by a call of its own, and from there on
 * nothing is kept any more.
 */
#include "umasks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../common/fd.h"
#include "uapi.h"

enum { KEPT_MAX = 32, CHANGING_MAX = 8 };

struct kept {
	pid_t tid;
	/* /proc/TID; -1: nothing is kept here. */
	int process;
	int mask;
};

static struct {
	pthread_mutex_t lock;
	bool may_keep;
	struct kept kept[KEPT_MAX];
	/* Whose umask(2) may still be to come. */
	pid_t changing[CHANGING_MAX];
	size_t changing_count;
} umasks = {.lock = PTHREAD_MUTEX_INITIALIZER};

void umasks_start(bool are_told)
{
	umasks.may_keep = are_told;
	for (size_t i = 0; i < KEPT_MAX; i++)
		umasks.kept[i].process = -1;
}

static void forget_all(void)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		fd_close_at(&umasks.kept[i].process);
}

/* Not asked of /proc, which need not show everybody. */
static bool is_gone(pid_t tid)
{
	return syscall(SYS_tkill, tid, 0) < 0 && errno == ESRCH;
}

/* "running" may be on its way to the kernel, and a fault, -1, on its way there and back. */
static bool has_changed(pid_t tid)
{
	const struct caller caller = {.tid = tid};
	char text[128];
	ssize_t size = caller_read_file(&caller, "syscall", text, sizeof(text));

	if (size < 0)
		return is_gone(tid);
	return text[0] >= '0' && text[0] <= '9' && strtol(text, NULL, 10) != SYS_umask;
}

static void remove_changing(size_t index)
{
	umasks.changing[index] = umasks.changing[--umasks.changing_count];
}

/* `tid` is in a call that is not umask(2). */
static bool is_changing(pid_t tid)
{
	for (size_t i = umasks.changing_count; i-- > 0;) {
		if (umasks.changing[i] == tid || has_changed(umasks.changing[i]))
			remove_changing(i);
	}
	return umasks.changing_count > 0;
}

static bool is_kept(const struct kept *kept, pid_t tid)
{
	return kept->process >= 0 && kept->tid == tid &&
	       faccessat(kept->process, "stat", F_OK, 0) == 0;
}

/* Reads the umask and keeps it when the number meant one thread all the time. */
static int look(struct kept *kept, const struct caller *caller)
{
	ae_auto_fd int process = caller_open(caller, "", O_PATH | O_DIRECTORY);
	int mask = caller_umask(caller);

	fd_close_at(&kept->process);
	if (process < 0 || mask < 0)
		return mask;
	*kept = (struct kept){caller->tid, fd_steal(&process), mask};
	if (!is_kept(kept, caller->tid))
		fd_close_at(&kept->process);
	return mask;
}

int umasks_of(const struct caller *caller)
{
	struct kept *kept = &umasks.kept[(unsigned int)caller->tid % KEPT_MAX];
	int mask;

	pthread_mutex_lock(&umasks.lock);
	if (!umasks.may_keep || is_changing(caller->tid))
		mask = caller_umask(caller);
	else
		mask = is_kept(kept, caller->tid) ? kept->mask : look(kept, caller);
	pthread_mutex_unlock(&umasks.lock);
	return mask;
}

static void change(const struct caller *caller)
{
	bool is_known = false;

	pthread_mutex_lock(&umasks.lock);
	forget_all();
	for (size_t i = 0; i < umasks.changing_count; i++)
		is_known = is_known || umasks.changing[i] == caller->tid;
	if (!is_known && umasks.changing_count == CHANGING_MAX)
		umasks.may_keep = false;
	else if (!is_known)
		umasks.changing[umasks.changing_count++] = caller->tid;
	pthread_mutex_unlock(&umasks.lock);
}

static void part(void)
{
	pthread_mutex_lock(&umasks.lock);
	umasks.may_keep = false;
	forget_all();
	pthread_mutex_unlock(&umasks.lock);
}

void umasks_tell(const struct caller *caller, bool parts)
{
	if (parts)
		part();
	else
		change(caller);
}
