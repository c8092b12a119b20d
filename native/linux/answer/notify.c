/*
 * One thread receives, judges, answers and records, in that order, so rows stand in the order of
 * the answers. Answering also proves what was read: the kernel refuses the answer when the caller
 * stopped waiting in between, and nothing is recorded: its call comes again or never happened.
 *
 * That thread must not stand still for one caller. What is known to wait has a job of its own
 * (jobs.c); but looking a path up may wait as well, on a file system whose server does not answer.
 * So a watcher looks now and then whether the thread is still at the same call, and then puts
 * another one in its place; the first answers that one call and ends.
 */
#include "notify.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "../../common/die.h"
#include "../ask/ask_deeds.h"
#include "../files/contexts.h"
#include "../files/exec.h"
#include "../judge/programs.h"
#include "broker.h"
#include "dispatch.h"

/* Interrupts a blocked receive on kernels before 6.6, which do not notice that the box is empty. */
enum { WAKE_SIGNAL = SIGURG };

/* A call that takes this long is stuck; so many threads may be, and then everybody waits. */
enum { STUCK_MS = 100, STUCK_MAX = 64, IDLE_LOOKS = 20 };

static struct {
	int listener;
	const struct box_rules *rules;
	struct seccomp_notif_sizes sizes;
	pthread_t thread;
	bool is_running;
	/*
	 * Odd while a call is judged. Whoever moves an odd number on decides whose turn is next:
	 * the thread itself when it is through, or another one that takes its place.
	 */
	atomic_ulong progress;
	atomic_int stuck;
	/* Threads that answer, and have not yet recorded it. */
	atomic_int answering;
	pthread_mutex_t sleep;
	pthread_cond_t woken;
	atomic_bool is_watcher_asleep;
	atomic_bool is_stopping;
	atomic_bool is_done;
} notify = {
	.listener = -1,
	.sleep = PTHREAD_MUTEX_INITIALIZER,
	.woken = PTHREAD_COND_INITIALIZER,
};

static _Thread_local bool is_answering;

static void ignore_signal(int number)
{
	(void)number;
}

/* Sends the answer. False when the caller is gone, which makes it an access that never was. */
static bool send(const struct request *request, int answer)
{
	struct seccomp_notif_resp response = {.id = request->caller.id};

	if (answer == ANSWER_NONE)
		return false;
	if (answer == ANSWER_SENT)
		return true;
	if (answer == ANSWER_CONTINUE)
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (answer > 0)
		response.error = -answer;
	/* What the broker has performed stays performed, whoever hears of it. */
	return ioctl(notify.listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0 ||
	       answer == ANSWER_DONE;
}

/* Recorded first: afterwards there is no caller any more whose answer could prove it. */
static int end(struct request *request)
{
	programs_forget();
	request->frames[0].program = programs_of(request->caller.tid);
	if (caller_is_waiting(&request->caller))
		request_record(request);
	request->frame_count = 0;
	exec_end(&request->caller);
	return EACCES;
}

void notify_answer_begins(void)
{
	if (!is_answering)
		notify.answering++;
	is_answering = true;
}

/* False when another thread has taken this one's place meanwhile. */
static bool serve_one(struct request *request, const struct seccomp_notif *notif)
{
	unsigned long turn = atomic_fetch_add(&notify.progress, 1) + 1;
	bool is_current;
	const struct caller caller = {(pid_t)notif->pid, notify.listener, notif->id};
	int answer;

	request_begin(request, &notif->data, &caller);
	answer = exec_verify(request) ? dispatch_call(request) : ANSWER_END;
	if (answer == ANSWER_ASK)
		answer = ask_deeds_start(request);
	is_current = atomic_compare_exchange_strong(&notify.progress, &turn, turn + 1);
	/*
	 * A box that is only watched may change its root and mounts, and hide from being looked
	 * into: what we would answer by need not be true there.
	 */
	if (answer > 0 && notify.rules->only_watches && !request->is_refused)
		answer = ANSWER_CONTINUE;
	if (answer > 0)
		request_keep_denials(request);
	if (answer == ANSWER_END)
		answer = end(request);
	/* Before the answer: afterwards the caller may be another program, or nobody. */
	if (request->frame_count)
		request->frames[0].program = programs_of(caller.tid);
	if (answer == ANSWER_CONTINUE && request->call && request->call->kind == CALL_EXEC)
		programs_forget();
	notify_answer_begins();
	if (send(request, answer))
		request_record(request);
	is_answering = false;
	notify.answering--;
	request_end(request);
	return is_current;
}

/* True when no process under the filter is left. */
static bool is_deserted(void)
{
	struct pollfd wait = {.fd = notify.listener};

	return poll(&wait, 1, 0) > 0 && (wait.revents & POLLHUP);
}

struct server {
	struct request request;
	/* The number it takes the place of a stuck thread at; 0 for the first. */
	unsigned long instead_of;
	struct seccomp_notif *notif;
	size_t room;
};

static struct server *new_server(unsigned long instead_of)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->instead_of = instead_of;
	server->request.rules = notify.rules;
	server->room = notify.sizes.seccomp_notif > sizeof(struct seccomp_notif)
			       ? notify.sizes.seccomp_notif
			       : sizeof(struct seccomp_notif);
	server->notif = malloc(server->room);
	if (!server->notif) {
		free(server);
		return NULL;
	}
	return server;
}

static void free_server(struct server *server)
{
	free(server->notif);
	free(server);
}

static void wake_watcher(void)
{
	pthread_mutex_lock(&notify.sleep);
	notify.is_watcher_asleep = false;
	pthread_cond_signal(&notify.woken);
	pthread_mutex_unlock(&notify.sleep);
}

/* Until the box is over, or another thread has taken over: false. */
static bool serve_calls(struct server *server)
{
	while (!notify.is_stopping) {
		memset(server->notif, 0, server->room);
		if (ioctl(notify.listener, SECCOMP_IOCTL_NOTIF_RECV, server->notif) == 0) {
			if (notify.is_watcher_asleep)
				wake_watcher();
			if (!serve_one(&server->request, server->notif))
				return false;
		} else if (errno == ENOENT && is_deserted()) {
			break;
		} else if (errno != ENOENT && errno != EINTR) {
			die("notify", errno, "Cannot receive the box's calls");
		}
	}
	return true;
}

static void *serve(void *argument)
{
	struct server *server = argument;
	unsigned long turn = server->instead_of;
	bool is_last;
	sigset_t wake;

	if (broker_init_thread() != 0)
		die("notify", ENOMEM, "Cannot answer the box's calls");
	contexts_enter();
	sigemptyset(&wake);
	sigaddset(&wake, WAKE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
	if (turn && !atomic_compare_exchange_strong(&notify.progress, &turn, turn + 1)) {
		/* It was not stuck after all. */
		notify.stuck--;
		is_last = false;
	} else {
		notify.thread = pthread_self();
		is_last = serve_calls(server);
		if (!is_last)
			notify.stuck--;
	}
	contexts_leave();
	free_server(server);
	if (is_last)
		notify.is_done = true;
	else
		pthread_detach(pthread_self());
	return NULL;
}

static void replace(unsigned long turn)
{
	struct server *server = new_server(turn);
	pthread_t thread;

	if (!server)
		return;
	notify.stuck++;
	if (pthread_create(&thread, NULL, serve, server) != 0) {
		notify.stuck--;
		free_server(server);
	}
}

static void *watch(void *unused)
{
	const struct timespec pause = {.tv_nsec = STUCK_MS * 1000000L};
	unsigned long before = 0;
	int quiet = 0;

	(void)unused;
	while (!notify.is_stopping) {
		unsigned long now = notify.progress;

		quiet = now == before ? quiet + 1 : 0;
		if (now % 2 && now == before && notify.stuck < STUCK_MAX)
			replace(now);
		if (now % 2 == 0 && quiet > IDLE_LOOKS) {
			pthread_mutex_lock(&notify.sleep);
			notify.is_watcher_asleep = true;
			while (notify.is_watcher_asleep)
				pthread_cond_wait(&notify.woken, &notify.sleep);
			pthread_mutex_unlock(&notify.sleep);
			quiet = 0;
		}
		before = now;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static int start_watcher(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, watch, NULL);

	if (error == 0)
		pthread_detach(thread);
	return error;
}

int notify_start(int listener, const struct box_rules *rules)
{
	struct sigaction wake = {.sa_handler = ignore_signal};
	struct server *server;
	int error;

	if (uapi_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &notify.sizes) < 0)
		return -errno;
	notify.listener = listener;
	notify.rules = rules;
	contexts_start(rules->tells_umasks, rules->tells_folders);
	error = exec_init();
	if (error != 0)
		return error;
	server = new_server(0);
	if (!server)
		return -ENOMEM;
	/* ignored: kernels before 6.6 wake the caller the slower way */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	sigaction(WAKE_SIGNAL, &wake, NULL);
	error = pthread_create(&notify.thread, NULL, serve, server);
	notify.is_running = error == 0;
	return -(error ? error : start_watcher());
}

void notify_stop(void)
{
	const struct timespec pause = {.tv_nsec = 100000};

	if (!notify.is_running)
		return;
	notify.is_stopping = true;
	/* Again and again, because a signal that comes just before the receive does not interrupt
	 * it. */
	while (!notify.is_done) {
		pthread_kill(notify.thread, WAKE_SIGNAL);
		if (!notify.is_done)
			nanosleep(&pause, NULL);
	}
	pthread_join(notify.thread, NULL);
	/* One whose place was taken may just have answered, and its caller was the box's last. */
	while (notify.answering > 0)
		nanosleep(&pause, NULL);
	notify.is_running = false;
}
