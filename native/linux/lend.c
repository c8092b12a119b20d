/*
 * One thread, one loop: requests of the broker, answers of aegis, askers that have gone. An answer
 * opens the object through the descriptor that was asked about, never by looking a name up again.
 * Where the box sees that object through a mount that cannot be written, the name is looked up
 * outside, and what is found there is opened only when it is the very same object, which cannot
 * have been replaced by another with the same number while the descriptor is held.
 */
#include "lend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../common/fd.h"
#include "lend_confine.h"
#include "lend_wire.h"
#include "namespaces.h"
#include "outside_link.h"
#include "supervisor.h"
#include "uapi.h"

enum { ASKED_MAX = 64, LINK = 0, AEGIS = 1, FIXED = 2 };

struct asked {
	uint32_t id;
	/* Path descriptor of the object; -1: this place is free. */
	int object;
	int reply;
	uint64_t flags;
	char path[AE_PATH_MAX + 16];
};

static struct {
	struct asked asked[ASKED_MAX];
	uint32_t last_id;
	/* The lender's own /proc/self/fd. */
	int names;
} lender;

static void reply_to(int socket, int fd, int error, enum lend_verdict verdict)
{
	const struct lend_reply reply = {error, verdict};

	/* ignored: an asker that is gone has closed its end */
	(void)link_send(socket, &reply, sizeof(reply), &fd, fd < 0 ? 0 : 1);
}

static void forget(struct asked *asked)
{
	fd_close_at(&asked->object);
	fd_close_at(&asked->reply);
}

static int reopen(int object, int flags)
{
	char number[16];
	int fd;

	snprintf(number, sizeof(number), "%d", object);
	fd = openat(lender.names, number, flags);
	return fd < 0 ? -errno : fd;
}

/* The same object as it is mounted out here. */
static int open_outside(const struct asked *asked, int flags)
{
	ae_auto_fd int found = openat(AT_FDCWD, asked->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat here;
	struct stat judged;

	if (found < 0 || fstat(found, &here) < 0 || fstat(asked->object, &judged) < 0)
		return -EROFS;
	if (here.st_dev != judged.st_dev || here.st_ino != judged.st_ino ||
	    (here.st_mode & S_IFMT) != (judged.st_mode & S_IFMT))
		return -EROFS;
	return reopen(found, flags);
}

static void grant(const struct asked *asked, enum lend_verdict verdict)
{
	int flags = lend_flags(asked->flags);
	ae_auto_fd int fd = reopen(asked->object, flags);

	if (fd == -EROFS)
		fd = open_outside(asked, flags);
	reply_to(asked->reply, fd, fd < 0 ? fd : 0, verdict);
}

static bool is_asker_there(int socket)
{
	struct pollfd wait = {.fd = socket};

	return poll(&wait, 1, 0) == 0;
}

static void take_answer(int aegis)
{
	unsigned char bytes[LEND_ANSWER_SIZE];
	struct lend_answer answer;

	/* Without aegis nobody can say yes any more. */
	if (fd_read(aegis, bytes, sizeof(bytes)) != sizeof(bytes) ||
	    !lend_read_answer(bytes, &answer))
		_exit(1);
	for (size_t i = 0; i < ASKED_MAX; i++) {
		struct asked *asked = &lender.asked[i];

		if (asked->object < 0 || asked->id != answer.id)
			continue;
		if (answer.verdict == LEND_NO || answer.verdict == LEND_UNASKED)
			reply_to(asked->reply, -1, -EACCES, answer.verdict);
		else if (is_asker_there(asked->reply))
			grant(asked, answer.verdict);
		forget(asked);
		return;
	}
	/* The question was withdrawn meanwhile. */
}

/* Files of the kernel answer by who opens them, and that is not who was judged. */
static bool is_kernels(int object)
{
	struct statfs status;

	if (fstatfs(object, &status) < 0)
		return true;
	return status.f_type == PROC_SUPER_MAGIC || status.f_type == SYSFS_MAGIC ||
	       status.f_type == DEVPTS_SUPER_MAGIC || status.f_type == DEBUGFS_MAGIC ||
	       status.f_type == TRACEFS_MAGIC || status.f_type == SECURITYFS_MAGIC ||
	       status.f_type == CGROUP2_SUPER_MAGIC || status.f_type == CGROUP_SUPER_MAGIC;
}

/* The kernel's own name for the object, and what opening it is. 0: it is not asked about. */
static uint16_t examine(struct asked *asked)
{
	struct stat status;
	char number[16];
	ssize_t size;

	if (fstat(asked->object, &status) < 0 || status.st_nlink == 0 ||
	    (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) || is_kernels(asked->object))
		return 0;
	snprintf(number, sizeof(number), "%d", asked->object);
	size = readlinkat(lender.names, number, asked->path, sizeof(asked->path) - 1);
	if (size <= 0 || size >= (ssize_t)AE_PATH_MAX || asked->path[0] != '/')
		return 0;
	asked->path[size] = 0;
	return lend_actions(asked->flags, S_ISDIR(status.st_mode));
}

static bool ask(struct asked *asked, const struct lend_request *request, int aegis)
{
	unsigned char frame[LEND_QUESTION_MAX];
	struct lend_question question = {
		.id = ++lender.last_id,
		.pid = request->pid,
		.exe = request->exe,
		.exe_size = request->exe_size,
	};
	size_t size;

	asked->id = question.id;
	asked->flags = request->flags;
	question.actions = examine(asked);
	question.path = asked->path;
	question.path_size = strlen(asked->path);
	if (question.actions == 0 || request->exe_size > AE_PATH_MAX)
		return false;
	size = lend_write_question(frame, &question);
	if (size == 0)
		return false;
	if (fd_write_all(aegis, frame, size) < 0)
		_exit(1);
	return true;
}

static void take_request(int link, int aegis)
{
	struct lend_request request;
	struct link_fds fds;
	struct asked *place = NULL;
	int error = link_receive(link, &request, sizeof(request), &fds);

	if (error != 0 && error != -EINTR)
		_exit(error == -EPIPE ? 0 : 1);
	for (size_t i = 0; i < ASKED_MAX && !place; i++) {
		if (lender.asked[i].object < 0)
			place = &lender.asked[i];
	}
	if (error == 0 && place && fds.fd[0] >= 0 && fds.fd[1] >= 0) {
		place->object = fd_steal(&fds.fd[0]);
		place->reply = fd_steal(&fds.fd[1]);
		if (!ask(place, &request, aegis)) {
			reply_to(place->reply, -1, -EACCES, LEND_UNASKED);
			forget(place);
		}
	} else if (fds.fd[1] >= 0) {
		reply_to(fds.fd[1], -1, -EACCES, LEND_UNASKED);
	}
	link_close(&fds);
}

static void withdraw(struct asked *asked, int aegis)
{
	unsigned char frame[LEND_WITHDRAWAL_SIZE];

	lend_write_withdrawal(frame, asked->id);
	forget(asked);
	if (fd_write_all(aegis, frame, sizeof(frame)) < 0)
		_exit(1);
}

static _Noreturn void serve(int link, int aegis)
{
	struct pollfd waits[FIXED + ASKED_MAX];

	for (;;) {
		waits[LINK] = (struct pollfd){.fd = link, .events = POLLIN};
		waits[AEGIS] = (struct pollfd){.fd = aegis, .events = POLLIN};
		for (size_t i = 0; i < ASKED_MAX; i++)
			waits[FIXED + i] = (struct pollfd){.fd = lender.asked[i].reply};
		if (poll(waits, FIXED + ASKED_MAX, -1) < 0 && errno != EINTR)
			_exit(1);
		/* Those first that take nothing but what was polled. */
		for (size_t i = 0; i < ASKED_MAX; i++) {
			if (waits[FIXED + i].revents)
				withdraw(&lender.asked[i], aegis);
		}
		if (waits[AEGIS].revents)
			take_answer(aegis);
		if (waits[LINK].revents)
			take_request(link, aegis);
	}
}

/* Its standard streams lead nowhere, and nothing else is open but its two links. */
static int keep_only(int *link, int *aegis)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high[2] = {fcntl(*link, F_DUPFD_CLOEXEC, 16), fcntl(*aegis, F_DUPFD_CLOEXEC, 16)};

	if (null < 0 || high[0] < 0 || high[1] < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(null, fd) < 0)
			return -errno;
	}
	if (dup3(high[0], 3, O_CLOEXEC) < 0 || dup3(high[1], 4, O_CLOEXEC) < 0)
		return -errno;
	*link = 3;
	*aegis = 4;
	return uapi_close_range(5, ~0u) < 0 ? -errno : 0;
}

static _Noreturn void run(int link, pid_t parent)
{
	int aegis = ASK_FD;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (size_t i = 0; i < ASKED_MAX; i++)
		lender.asked[i] = (struct asked){.object = -1, .reply = -1};
	if (keep_only(&link, &aegis) != 0 || namespaces_drop_capabilities() != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(1);
	lender.names = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (lender.names < 0 || lend_confine() != 0)
		_exit(1);
	serve(link, aegis);
}

int lend_start(const struct plan *plan, int *link)
{
	pid_t parent = getpid();
	int pair[2];
	pid_t child;

	*link = -1;
	if (!plan->asks)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		run(pair[1], parent);
	close(pair[1]);
	/* Aegis then sees the end when the lender ends, and nobody else can speak to it. */
	close(ASK_FD);
	*link = pair[0];
	return 0;
}

int lend_ask(int link, int object, const struct lend_request *request, uint32_t *verdict)
{
	struct lend_reply reply = {-EACCES, LEND_UNASKED};
	struct link_fds fds;
	int pair[2];
	int result;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	result = link_send(link, request, sizeof(*request), (const int[]){object, pair[1]}, 2);
	close(pair[1]);
	if (result == 0)
		result = link_receive(pair[0], &reply, sizeof(reply), &fds);
	close(pair[0]);
	*verdict = reply.verdict;
	if (result == -EINTR)
		return result;
	if (result != 0)
		return -EACCES;
	if (reply.error < 0 || fds.fd[0] < 0) {
		link_close(&fds);
		return reply.error < 0 ? reply.error : -EACCES;
	}
	return fds.fd[0];
}
