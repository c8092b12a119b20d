/*
 * A call that a person allowed is done by the lender, on the folders and objects that were judged
 * here and looked at there. Between the last look and the deed nobody else in the box may change a
 * name, so it is done under the lock that every such call takes. What was changed before that, from
 * inside or outside, is found out by the lender; the call is then judged again from the beginning.
 */
#include "ask_deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "../answer/dispatch.h"
#include "../answer/jobs.h"
#include "../files/names.h"
#include "../judge/programs.h"
#include "../links/links.h"
#include "../sockets/socket_deeds.h"
#include "ask_request.h"
#include "borrow.h"

enum { ASKS_MAX = 64, ROUNDS_MAX = 8 };

static atomic_int asking;

struct asked_call {
	struct request request;
	struct seccomp_data data;
	struct lend_request lend;
	struct lend_reply reply;
	/* Of an attribute. */
	void *value;
	uint32_t program;
	/* What is denied when nobody could be asked. */
	struct lend_part denied;
	/* What the lender did stays done, whoever hears of it. */
	bool is_done;
	/* What comes of it is not judged again: a socket that is full says the same. */
	bool is_over;
	/* The last who was asked said no, or nobody could be. */
	bool is_refused;
};

/* As around every call of the broker that changes names. */
static void begin(const struct request *request)
{
	if (request->call->kind == CALL_CONNECT)
		return;
	if (request->call->kind == CALL_DELETE)
		links_begin_removal(&request->first.at);
	else if (request->call->kind == CALL_RENAME)
		links_begin_move(&request->first.at, &request->second.at,
				 request->flags & RENAME_EXCHANGE ? MOVES_EXCHANGE : MOVES_RENAME,
				 request->moves_forbidden);
	else
		links_begin_link();
}

static void finish(const struct request *request, bool is_done)
{
	if (request->call->kind == CALL_CONNECT)
		return;
	if (is_done && request->call->kind == CALL_LINK)
		links_note_link(&request->first.at.target);
	links_end_change(is_done);
}

/* A descriptor, 0 or -errno; -EAGAIN: it has to be judged again. */
static int have_done(struct asked_call *call, int socket)
{
	const struct request *request = &call->request;
	int result;

	names_lock();
	if (!caller_is_waiting(&request->caller)) {
		names_unlock();
		return -EINTR;
	}
	begin(request);
	result = borrow_have_done(socket, call->value, call->lend.change.value_size);
	finish(request, result >= 0);
	names_unlock();
	call->is_done = result >= 0;
	return result;
}

/* From here on a signal for the caller must not have it make its call again. */
static void stop_listening(void)
{
	sigset_t interrupt;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGURG);
	pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
}

static void start_listening(void)
{
	sigset_t interrupt;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGURG);
	pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
}

/* The caller's socket that is to get a name or a peer; 0 or a negative errno. */
static int take_socket(const struct request *request, int *taken)
{
	int answer = 0;

	if (request->call->kind == CALL_BIND || request->call->kind == CALL_CONNECT)
		*taken = socket_take(request, &answer);
	if (answer == 0)
		return 0;
	return answer > 0 ? -answer : -EINTR;
}

static int ask(struct asked_call *call)
{
	const struct request *request = &call->request;
	bool connects = request->call->kind == CALL_CONNECT;
	ae_auto_fd int socket = -1;
	ae_auto_fd int taken = -1;
	int result = take_socket(request, &taken);

	if (result != 0)
		return result;
	result = borrow_ask(request->rules->lender, request->first.at.target.fd,
			    taken < 0 || connects ? request->second.at.target.fd : taken,
			    &call->lend, &call->reply, &socket);

	call->is_refused = result == -EACCES;
	if (result != 0)
		return result;
	stop_listening();
	result = have_done(call, socket);
	start_listening();
	if (!connects || result < 0)
		return result;
	result = socket_connect_judged(request, taken);
	call->is_done = result == 0;
	call->is_over = true;
	return result;
}

/* The rows of the request are then the call's matter. */
static void note_denied(struct asked_call *call, const struct request *request)
{
	const struct access_frame *row = &request->frames[0];

	call->denied = (struct lend_part){
		.rule = row->verdict.rule,
		.action = (uint8_t)row->action,
		.is_second = row->path == request->second.at.target.path,
	};
	call->request.frame_count = 0;
}

/* Judges the call anew. ANSWER_ASK: there is something to ask about again. */
static int judge_again(struct asked_call *call)
{
	const struct caller caller = call->request.caller;
	int answer;

	request_end(&call->request);
	request_begin(&call->request, &call->data, &caller);
	call->reply.count = 0;
	answer = dispatch_call(&call->request);
	if (answer == ANSWER_ASK)
		note_denied(call, &call->request);
	return answer;
}

/* The result of the call for an answer that nobody was asked about. */
static int settle(struct asked_call *call, int answer)
{
	struct request *request = &call->request;

	if (answer == ANSWER_SENT || answer == ANSWER_NONE || answer == ANSWER_END)
		return JOB_ANSWERED;
	if (answer > 0)
		request_keep_denials(request);
	if (answer == ANSWER_CONTINUE && !broker_continue(&request->caller))
		return JOB_ANSWERED;
	call->is_done = answer == ANSWER_DONE;
	if (request->frame_count > 0)
		request->frames[0].program = call->program;
	if (call->is_done || caller_is_waiting(&request->caller))
		request_record(request);
	return answer == ANSWER_CONTINUE ? JOB_ANSWERED : answer > 0 ? -answer : 0;
}

static int perform(struct job *job)
{
	struct asked_call *call = job->context;
	int answer = broker_init_thread() == 0 ? ANSWER_ASK : EACCES;

	for (int i = 0; i < ROUNDS_MAX && answer == ANSWER_ASK; i++) {
		int result;

		free(call->value);
		call->value = NULL;
		answer = ask_request_fill(&call->request, call->program, &call->lend, &call->value);
		if (answer != 0)
			break;
		job->close_on_exec = call->lend.flags & O_CLOEXEC;
		result = ask(call);
		if (result != -EAGAIN || call->is_over) {
			job->hands_over = call->is_done && call->lend.kind == LEND_MAKE_FILE;
			return result;
		}
		answer = judge_again(call);
	}
	if (answer == ANSWER_ASK) {
		call->is_refused = true;
		return -EACCES;
	}
	return settle(call, answer);
}

static void record_part(struct asked_call *call, const struct lend_part *part, bool is_allowed)
{
	const struct request *request = &call->request;
	const struct named *named = part->is_second ? &request->second : &request->first;
	const struct target *target = &named->at.target;
	bool is_same = named->text_size == target->size &&
		       !memcmp(named->text, target->path, target->size);
	const struct access_frame row = {
		.pid = request->caller.tid,
		.program = call->program,
		.flags = request->flags & ~FRAME_FAILS,
		.syscall = (uint16_t)request->data->nr,
		.action = (enum action)part->action,
		.verdict = {is_allowed, part->rule},
		.path = target->path,
		.path_size = target->size,
		.requested = is_same ? NULL : named->text,
		.requested_size = named->text_size,
	};

	if (!is_allowed || part->is_asked || request->rules->record_allowed)
		frames_add_access(&row);
}

static void end(const struct job *job, int result)
{
	struct asked_call *call = job->context;
	bool is_denied = result == -EACCES && call->is_refused;

	/* What was allowed and then failed by itself is no access. */
	if (call->is_done || is_denied) {
		for (uint32_t i = 0; i < call->reply.count; i++)
			record_part(call, &call->reply.parts[i], call->is_done);
	}
	if (is_denied && call->reply.count == 0)
		record_part(call, &call->denied, false);
	request_end(&call->request);
	free(call->value);
	asking--;
}

/* A name points into the entry it is of, unless there is none. */
static void move_name(struct entry *to, const struct entry *from)
{
	if (from->name && from->name[0])
		to->name = to->target.path + (from->name - from->target.path);
}

/* The request with everything it holds. */
static struct asked_call *take_over(struct request *request)
{
	struct asked_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->program = programs_of(request->caller.tid);
	call->data = *request->data;
	call->request = *request;
	call->request.data = &call->data;
	note_denied(call, request);
	move_name(&call->request.first.at, &request->first.at);
	move_name(&call->request.second.at, &request->second.at);
	request->first.at.target.fd = -1;
	request->second.at.target.fd = -1;
	request->frame_count = 0;
	return call;
}

int ask_deeds_start(struct request *request)
{
	const int held[] = {request->first.at.target.fd, request->second.at.target.fd};
	struct asked_call *call;
	struct job job = {
		.caller = request->caller,
		.perform = perform,
		.end = end,
		.fd = -1,
		.held = -1,
	};

	if (asking >= ASKS_MAX)
		return EACCES;
	call = take_over(request);
	if (!call)
		return EACCES;
	job.context = call;
	asking++;
	if (jobs_start(&job) == 0)
		return ANSWER_SENT;
	asking--;
	/* The call is gone with the job, and what it held is the request's as before. */
	request->first.at.target.fd = held[0];
	request->second.at.target.fd = held[1];
	return EACCES;
}
