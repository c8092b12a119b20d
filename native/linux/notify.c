/*
 * One thread receives, judges, answers and records, in that order, so rows stand in the order of
 * the answers. Answering also proves what was read: the kernel refuses the answer when the caller
 * stopped waiting in between, and then nothing is recorded, because its call will be notified again
 * or never happened.
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

#include "../common/die.h"
#include "broker.h"
#include "changes.h"
#include "names.h"
#include "opens.h"
#include "programs.h"
#include "sockets.h"

/* Interrupts a blocked receive on kernels before 6.6, which do not notice that the box is empty. */
enum { WAKE_SIGNAL = SIGURG };

static struct {
	int listener;
	const struct box_rules *rules;
	struct seccomp_notif_sizes sizes;
	pthread_t thread;
	bool is_running;
	atomic_bool is_stopping;
	atomic_bool is_done;
} notify = {.listener = -1};

static void ignore_signal(int number)
{
	(void)number;
}

static int judge(struct request *request)
{
	if (!request->call || request->data->arch != AE_AUDIT_ARCH)
		return ENOSYS;
	switch ((enum call_kind)request->call->kind) {
	case CALL_OPEN:
	case CALL_OPENAT2:
	case CALL_CREAT:
		return opens_answer(request);
	case CALL_EXEC:
	case CALL_CHANGE:
		return changes_answer(request);
	case CALL_DELETE:
	case CALL_RENAME:
	case CALL_LINK:
	case CALL_SYMLINK:
	case CALL_MKDIR:
	case CALL_MKNOD:
		return names_answer(request);
	case CALL_CONNECT:
	case CALL_BIND:
	case CALL_LISTEN:
	case CALL_SENDTO:
	case CALL_SENDMSG:
	case CALL_SENDMMSG:
		return sockets_answer(request);
	case CALL_UNKNOWN:
		break;
	}
	return ENOSYS;
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

static void serve_one(struct request *request, const struct seccomp_notif *notif)
{
	const struct caller caller = {(pid_t)notif->pid, notify.listener, notif->id};
	int answer;

	request_begin(request, &notif->data, &caller);
	answer = judge(request);
	/*
	 * A box that is only watched may change its root and mounts, and hide from being looked
	 * into: what we would answer by need not be true there.
	 */
	if (answer > 0 && notify.rules->only_watches)
		answer = ANSWER_CONTINUE;
	if (answer > 0)
		request_keep_denials(request);
	/* Before the answer: afterwards the caller may be another program, or nobody. */
	if (request->frame_count)
		request->frames[0].program = programs_of(caller.tid);
	if (answer == ANSWER_CONTINUE && request->call && request->call->kind == CALL_EXEC)
		programs_forget();
	if (send(request, answer))
		request_record(request);
	request_end(request);
}

/* True when no process under the filter is left. */
static bool is_deserted(void)
{
	struct pollfd wait = {.fd = notify.listener};

	return poll(&wait, 1, 0) > 0 && (wait.revents & POLLHUP);
}

static void *serve(void *buffers)
{
	struct request *request = buffers;
	size_t room = notify.sizes.seccomp_notif > sizeof(struct seccomp_notif)
			      ? notify.sizes.seccomp_notif
			      : sizeof(struct seccomp_notif);
	struct seccomp_notif *notif = malloc(room);
	sigset_t wake;

	if (!notif || broker_init_thread() != 0)
		die("notify", ENOMEM, "Cannot answer the box's calls");
	sigemptyset(&wake);
	sigaddset(&wake, WAKE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
	request->rules = notify.rules;
	while (!notify.is_stopping) {
		memset(notif, 0, room);
		if (ioctl(notify.listener, SECCOMP_IOCTL_NOTIF_RECV, notif) == 0)
			serve_one(request, notif);
		else if (errno == ENOENT && is_deserted())
			break;
		else if (errno != ENOENT && errno != EINTR)
			die("notify", errno, "Cannot receive the box's calls");
	}
	notify.is_done = true;
	free(notif);
	free(request);
	return NULL;
}

int notify_start(int listener, const struct box_rules *rules)
{
	struct sigaction wake = {.sa_handler = ignore_signal};
	struct request *request = calloc(1, sizeof(*request));
	int error;

	if (!request)
		return -ENOMEM;
	if (uapi_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &notify.sizes) < 0)
		return -errno;
	notify.listener = listener;
	notify.rules = rules;
	/* ignored: kernels before 6.6 wake the caller the slower way */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	sigaction(WAKE_SIGNAL, &wake, NULL);
	error = pthread_create(&notify.thread, NULL, serve, request);
	notify.is_running = error == 0;
	return -error;
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
	notify.is_running = false;
}
