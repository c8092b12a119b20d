/*
 * A caller that waits for the broker runs no signal handlers. So that an alarm or a ^C with a
 * handler still interrupts a call that may wait for ever, a watcher looks at the callers of running
 * jobs: when a signal they would handle is pending, or when they are gone, the job is interrupted,
 * and the caller is told to restart, which the kernel turns into EINTR or a second try as the
 * handler was installed.
 */
#include "jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/thread.h"
#include "../judge/resolve_name.h"
#include "../limits/limit_hits.h"
#include "../sockets/held.h"
#include "broker.h"
#include "notify.h"

enum { JOBS_MAX = 512, WATCH_MS = 20, STACK_SIZE = 128 * 1024, RESTART = 512 /* ERESTARTSYS */ };
/* Beside the callers' own memory, which has the bound of the box. */
enum { KEPT_MAX = 32 << 20 };

struct running {
	struct job job;
	pthread_t thread;
	struct running *next;
	/* The watcher has seen a signal for the caller, or that the caller is gone. */
	atomic_bool is_cancelled;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct running *first;
	size_t count;
	size_t kept_size;
	bool has_watcher;
} jobs = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static _Thread_local bool is_job;

static void finish(struct running *running)
{
	struct running **at = &jobs.first;

	pthread_mutex_lock(&jobs.lock);
	while (*at != running)
		at = &(*at)->next;
	*at = running->next;
	jobs.count--;
	jobs.kept_size -= running->job.kept_size;
	pthread_mutex_unlock(&jobs.lock);
	fd_close_at(&running->job.fd);
	fd_close_at(&running->job.held);
	free(running->job.context);
	free(running);
}

/* 0, the error answered, or JOB_UNANSWERED. */
static int reply(const struct running *running, int error)
{
	bool is_restart = error == -EINTR && running->is_cancelled;
	bool is_told = broker_reply(&running->job.caller, is_restart ? -RESTART : error);

	return is_restart || !is_told ? JOB_UNANSWERED : error;
}

/*
 * Giving a descriptor must not be interrupted: the kernel would then have answered the call without
 * having given it, and the caller would take 0 for the new descriptor.
 */
static void stop_listening(void)
{
	sigset_t interrupt;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGURG);
	pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
}

static int hand_over(const struct running *running, int fd)
{
	int answer;

	if (fd < 0)
		return reply(running, fd);
	stop_listening();
	answer = broker_give_alone(&running->job.caller, fd, running->job.close_on_exec);
	if (answer > 0) {
		limit_hits_open(&running->job.caller, answer);
		return reply(running, -answer);
	}
	return answer == ANSWER_SENT ? 0 : JOB_UNANSWERED;
}

static int perform_connect(const struct job *job)
{
	const struct sockaddr *address = (const struct sockaddr *)&job->address;
	int result = connect(job->fd, address, job->address_size) < 0 ? -errno : 0;

	held_settle(job->fd);
	return result;
}

static int do_job(struct running *running)
{
	struct job *job = &running->job;
	int result;

	if (job->perform) {
		result = job->perform(job);
		if (result == JOB_ANSWERED)
			return result;
		return job->hands_over ? hand_over(running, result) : reply(running, result);
	}
	if (job->address_size == 0)
		return hand_over(running, name_reopen(job->fd, job->open_flags, 0));
	return reply(running, perform_connect(job));
}

static void *work(void *argument)
{
	struct running *running = argument;
	struct job *job = &running->job;
	int result;

	is_job = true;
	result = do_job(running);
	if (job->end)
		job->end(job, result);
	finish(running);
	return NULL;
}

static void *watch(void *unused)
{
	const struct timespec pause = {.tv_nsec = WATCH_MS * 1000000L};

	(void)unused;
	for (;;) {
		pthread_mutex_lock(&jobs.lock);
		while (!jobs.first)
			pthread_cond_wait(&jobs.changed, &jobs.lock);
		for (struct running *at = jobs.first; at; at = at->next) {
			if (!at->is_cancelled)
				at->is_cancelled = !caller_is_waiting(&at->job.caller) ||
						   caller_has_signal(&at->job.caller);
			/* Every time: a signal that comes before the call it should interrupt is
			 * lost. */
			if (at->is_cancelled)
				pthread_kill(at->thread, SIGURG);
		}
		pthread_mutex_unlock(&jobs.lock);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* With the lock held, so that the thread cannot finish before it is in the list. */
static int enlist(struct running *running)
{
	pthread_t watcher;
	int error = 0;

	if (jobs.count >= JOBS_MAX)
		return EAGAIN;
	if (running->job.kept_size > KEPT_MAX - jobs.kept_size)
		return ENOBUFS;
	if (!jobs.has_watcher)
		error = -thread_start(watch, NULL, STACK_SIZE, &watcher);
	if (error == 0) {
		jobs.has_watcher = true;
		error = -thread_start(work, running, STACK_SIZE, &running->thread);
	}
	if (error != 0)
		return error;
	running->next = jobs.first;
	jobs.first = running;
	jobs.count++;
	jobs.kept_size += running->job.kept_size;
	pthread_cond_signal(&jobs.changed);
	return 0;
}

int jobs_start(const struct job *job)
{
	struct running *running = calloc(1, sizeof(*running));
	int error = ENOMEM;

	/* A job that asks again starts another one. */
	if (!is_job)
		notify_answer_begins();
	if (running) {
		running->job = *job;
		pthread_mutex_lock(&jobs.lock);
		error = enlist(running);
		pthread_mutex_unlock(&jobs.lock);
	}
	if (error != 0) {
		int fd = job->fd;
		int held = job->held;

		fd_close_at(&fd);
		fd_close_at(&held);
		free(job->context);
		free(running);
	}
	return error;
}
