/*
 * One thread, one loop: requests of the broker, answers of aegis, askers that have gone. A request
 * is one question for each of its paths that no rule is about, one after the other. An open is done
 * with the last yes; for everything else the broker then says when, holding its lock for names.
 */
#include "lend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../box/supervisor.h"
#include "../confine/namespaces.h"
#include "../judge/judge.h"
#include "../outside/outside_link.h"
#include "../uapi.h"
#include "lend_case.h"
#include "lend_confine.h"
#include "lend_wire.h"

enum { ASKED_MAX = 64, LINK = 0, AEGIS = 1, FIXED = 2 };

static struct {
	struct lend_case cases[ASKED_MAX];
	uint32_t last_id;
	struct judge *judge;
} lender;

static void reply_to(const struct lend_case *this, int fd)
{
	/* ignored: an asker that is gone has closed its end */
	(void)link_send(this->reply, &this->answer, sizeof(this->answer), &fd, fd < 0 ? 0 : 1);
}

static void refuse(struct lend_case *this)
{
	this->answer.error = -EACCES;
	reply_to(this, -1);
	lend_case_end(this);
}

static void perform_open(struct lend_case *this)
{
	int fd = lend_case_perform(this, NULL);
	ae_auto_fd int opened = fd < 0 ? -1 : fd;

	this->answer.error = fd < 0 ? fd : 0;
	reply_to(this, opened);
	lend_case_end(this);
}

static bool is_asker_there(int socket)
{
	struct pollfd wait = {.fd = socket};

	return poll(&wait, 1, 0) == 0;
}

/* Puts the question about one path, all of whose actions that no rule is about are one wish. */
static bool put_question(struct lend_case *this, int aegis, bool is_second)
{
	static const uint8_t others[LEND_KINDS] = {[LEND_LINK] = 1, [LEND_MOVE] = 1};
	unsigned char frame[LEND_QUESTION_MAX];
	const struct lend_request *request = &this->request;
	struct lend_question question = {
		.id = ++lender.last_id,
		.pid = request->pid,
		.deed = lend_deed(request, is_second),
		.path = this->path[is_second],
		.exe = request->exe,
		.exe_size = request->exe_size,
		.other = others[request->kind] ? this->path[!is_second] : request->text,
	};
	size_t size;

	for (uint32_t i = 0; i < this->answer.count; i++) {
		const struct lend_part *part = &this->answer.parts[i];

		if (part->is_asked && part->is_second == is_second)
			question.actions |= 1 << part->action;
	}
	this->id = question.id;
	this->is_second = is_second;
	question.path_size = strlen(question.path);
	question.other_size = strlen(question.other);
	size = question.actions ? lend_write_question(frame, &question) : 0;
	if (size == 0)
		return false;
	if (fd_write_all(aegis, frame, size) < 0)
		_exit(1);
	return true;
}

static bool is_asked_about(const struct lend_case *this, bool is_second)
{
	for (uint32_t i = 0; i < this->answer.count; i++) {
		const struct lend_part *part = &this->answer.parts[i];

		/* What was answered is no longer of no rule. */
		if (part->is_asked && part->is_second == is_second && part->rule == JUDGE_NO_RULE)
			return true;
	}
	return false;
}

/* The next question; or what was asked about is allowed. */
static void go_on(struct lend_case *this, int aegis)
{
	for (int second = 0; second < 2; second++) {
		if (!is_asked_about(this, second))
			continue;
		if (!put_question(this, aegis, second))
			refuse(this);
		return;
	}
	if (this->request.kind == LEND_OPEN) {
		perform_open(this);
		return;
	}
	this->is_allowed = true;
	this->answer.error = 0;
	reply_to(this, -1);
}

static bool is_yes(enum lend_verdict verdict)
{
	return verdict != LEND_NO && verdict != LEND_UNASKED;
}

/* Only what was said no to is left when it is one. */
static void note_verdict(struct lend_case *this, enum lend_verdict verdict)
{
	struct lend_reply *answer = &this->answer;
	uint32_t count = 0;

	answer->verdict = verdict;
	for (uint32_t i = 0; i < answer->count; i++) {
		struct lend_part part = answer->parts[i];
		bool is_about = part.is_asked && part.is_second == this->is_second;

		if (is_about && verdict != LEND_UNASKED)
			part.rule = JUDGE_ASKED + verdict;
		if (is_about || is_yes(verdict))
			answer->parts[count++] = part;
	}
	answer->count = count;
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
		struct lend_case *this = &lender.cases[i];

		if (this->reply < 0 || this->is_allowed || this->id != answer.id)
			continue;
		note_verdict(this, answer.verdict);
		if (!is_yes(answer.verdict))
			refuse(this);
		else if (is_asker_there(this->reply))
			go_on(this, aegis);
		else
			lend_case_end(this);
		return;
	}
	/* The question was withdrawn meanwhile. */
}

static void take_request(int link, int aegis)
{
	static struct lend_request request;
	struct link_fds fds;
	struct lend_case *this = NULL;
	int error = link_receive(link, &request, sizeof(request), &fds);

	if (error != 0 && error != -EINTR)
		_exit(error == -EPIPE ? 0 : 1);
	for (size_t i = 0; i < ASKED_MAX && !this; i++) {
		if (lender.cases[i].reply < 0)
			this = &lender.cases[i];
	}
	/* Without a place the asker sees the end of its socket, which is a no. */
	if (error == 0 && this && fds.fd[0] >= 0 && fds.fd[1] >= 0) {
		lend_case_clear(this);
		this->request = request;
		this->reply = fd_steal(&fds.fd[0]);
		this->at[0] = fd_steal(&fds.fd[1]);
		this->at[1] = fd_steal(&fds.fd[2]);
		if (lend_case_examine(this, lender.judge))
			go_on(this, aegis);
		else
			refuse(this);
	}
	link_close(&fds);
}

/* The broker says when, and nobody in the box changes a name meanwhile. */
static void take_go(struct lend_case *this)
{
	static unsigned char value[CHANGE_VALUE_MAX];
	uint32_t size = this->request.change.value_size;
	struct link_fds fds;
	int result = link_receive(this->reply, value, size ? size : 1, &fds);
	ae_auto_fd int fd = -1;

	if (result == 0) {
		link_close(&fds);
		result = lend_case_is_unchanged(this) ? lend_case_perform(this, value) : -EAGAIN;
		if (result >= 0 && this->request.kind == LEND_MAKE_FILE)
			fd = result;
		this->answer.error = result < 0 ? result : 0;
		reply_to(this, fd);
	}
	lend_case_end(this);
}

static void withdraw(struct lend_case *this, int aegis)
{
	unsigned char frame[LEND_WITHDRAWAL_SIZE];

	lend_write_withdrawal(frame, this->id);
	lend_case_end(this);
	if (fd_write_all(aegis, frame, sizeof(frame)) < 0)
		_exit(1);
}

static void hear_asker(struct lend_case *this, short events, int aegis)
{
	if (this->is_allowed && events & POLLIN)
		take_go(this);
	else if (this->is_allowed)
		lend_case_end(this);
	else
		withdraw(this, aegis);
}

static _Noreturn void serve(int link, int aegis)
{
	struct pollfd waits[FIXED + ASKED_MAX];

	for (;;) {
		waits[LINK] = (struct pollfd){.fd = link, .events = POLLIN};
		waits[AEGIS] = (struct pollfd){.fd = aegis, .events = POLLIN};
		for (size_t i = 0; i < ASKED_MAX; i++) {
			const struct lend_case *this = &lender.cases[i];

			waits[FIXED + i] = (struct pollfd){
				.fd = this->reply,
				.events = this->is_allowed ? POLLIN : 0,
			};
		}
		if (poll(waits, FIXED + ASKED_MAX, -1) < 0 && errno != EINTR)
			_exit(1);
		/* Those first that take nothing but what was polled. */
		for (size_t i = 0; i < ASKED_MAX; i++) {
			if (waits[FIXED + i].revents)
				hear_asker(&lender.cases[i], waits[FIXED + i].revents, aegis);
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

static _Noreturn void run(const struct plan *plan, int link, pid_t parent)
{
	int aegis = ASK_FD;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (size_t i = 0; i < ASKED_MAX; i++)
		lend_case_clear(&lender.cases[i]);
	lender.judge = judge_build(plan->rules, plan->rule_count);
	if (keep_only(&link, &aegis) != 0 || namespaces_drop_capabilities() != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(1);
	if (!lender.judge || lend_case_init() != 0 || lend_confine() != 0)
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
		run(plan, pair[1], parent);
	close(pair[1]);
	/* Aegis then sees the end when the lender ends, and nobody else can speak to it. */
	close(ASK_FD);
	*link = pair[0];
	return 0;
}
