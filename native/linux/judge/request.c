/*
 * An answered call leaves one row per object it concerns. When it is denied only the denials stay,
 * so that an allowed row always means that the access was let through.
 */
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "../confine/overlay.h"
#include "../links/links.h"
#include "programs.h"
#include "resolve_name.h"

void request_take_rules(const struct plan *plan, struct box_rules *rules)
{
	rules->only_watches = plan_only_watches(plan);
	rules->record_allowed = plan->notify & NOTIFY_RECORD_ALLOWED;
	rules->record_failed = plan->notify & NOTIFY_RECORD_FAILED;
	rules->broker_create = plan->notify & NOTIFY_BROKER_CREATE;
	rules->broker_open = plan->notify & NOTIFY_BROKER_OPEN;
	rules->broker_change = plan->notify & (NOTIFY_BROKER_OPEN | NOTIFY_BROKER_CHANGE);
	rules->broker_socket = plan->notify & NOTIFY_BROKER_SOCKET;
	rules->broker_messages = plan->notify & NOTIFY_BROKER_MESSAGES;
	rules->verify_programs = plan->notify & NOTIFY_VERIFY_PROGRAMS;
	rules->hash_programs = plan->notify & NOTIFY_HASH_PROGRAMS;
	rules->tells_refused = plan->notify & NOTIFY_TELLS_REFUSED;
	rules->tells_umasks = plan->notify & NOTIFY_TELLS_UMASKS;
	rules->tells_folders = plan->notify & NOTIFY_TELLS_FOLDERS;
	rules->takes_nothing = plan_makes_sockets(plan);
	rules->makes_sockets = rules->takes_nothing && rules->broker_socket;
	rules->makes_kinds = plan->notify & NOTIFY_MAKES;
	rules->moves_copy = overlay_is_used(plan);
	rules->gateway_port = plan->gateway.port;
	rules->own_network = plan->namespaces & CLONE_NEWNET;
	rules->rules = plan->rules;
	rules->abstract_contained =
		(plan->namespaces & CLONE_NEWNET) || (plan->scoped & AE_LANDLOCK_SCOPE_ABSTRACT);
}

uint64_t request_argument(const struct request *request, int index)
{
	return index < 0 ? 0 : request->data->args[index];
}

/* The memory of the caller cannot be looked into: nothing can be judged, so it is denied. */
static int refuse_unreadable(struct request *request, int error)
{
	static const char unknown[] = "?";
	static const enum action actions[] = {
		[CALL_EXEC] = ACTION_PROCESS_SPAWN,   [CALL_DELETE] = ACTION_FILE_DELETE,
		[CALL_MKDIR] = ACTION_DIR_CREATE,     [CALL_CONNECT] = ACTION_NET_CONNECT,
		[CALL_BIND] = ACTION_NET_BIND,	      [CALL_LISTEN] = ACTION_NET_BIND,
		[CALL_SENDTO] = ACTION_NET_CONNECT,   [CALL_SENDMSG] = ACTION_NET_CONNECT,
		[CALL_SENDMMSG] = ACTION_NET_CONNECT, [CALL_SOCKET] = ACTION_NET_CONNECT,
	};
	enum action action = actions[request->call->kind];

	if (error == -ESRCH)
		return ANSWER_NONE;
	if (request->call->kind == CALL_RENAME || request->call->kind == CALL_CHANGE)
		action = ACTION_FILE_WRITE;
	request->frames[0] = (struct access_frame){
		.action = action,
		.verdict = {request->rules->only_watches, JUDGE_NO_RULE},
		.path = unknown,
		.path_size = 1,
	};
	request->frame_count = 1;
	return error == -EFAULT ? EFAULT : EACCES;
}

void request_begin(struct request *request, const struct seccomp_data *data,
		   const struct caller *caller)
{
	request->data = data;
	request->call = calls_find(data->nr);
	request->caller = *caller;
	request->flags = 0;
	request->fails = false;
	request->is_refused = false;
	request->is_call_refused = false;
	request->has_called = false;
	request->moves_forbidden = false;
	request->is_asked = false;
	request->protocol = 0;
	request->frame_count = 0;
	request->first.at.target.fd = -1;
	request->second.at.target.fd = -1;
	request->first.at.name = NULL;
	request->second.at.name = NULL;
}

void request_end(struct request *request)
{
	target_close(&request->first.at.target);
	target_close(&request->second.at.target);
}

int request_directory(const struct request *request, int index)
{
	return index < 0 ? AT_FDCWD : (int)request->data->args[index];
}

int request_read_path(struct request *request, int index, struct named *named)
{
	uint64_t address = request_argument(request, index);
	ssize_t size =
		caller_read_string(&request->caller, address, named->text, sizeof(named->text));

	if (size == -ENAMETOOLONG)
		return ENAMETOOLONG;
	if (size < 0)
		return refuse_unreadable(request, (int)size);
	named->text_size = (size_t)size;
	return 0;
}

int request_resolve(struct request *request, int index, struct place place, struct named *named)
{
	int answer = request_read_path(request, index, named);
	int error;

	if (answer != 0)
		return answer;
	place.path = named->text;
	error = resolve_place(&request->caller, &place, &named->at.target);
	return error ? refuse_unreadable(request, error) : 0;
}

int request_resolve_entry(struct request *request, int index, struct place place,
			  struct named *named)
{
	int answer = request_read_path(request, index, named);
	int error;

	if (answer != 0)
		return answer;
	if (named->text_size == 0)
		return ENOENT;
	place.path = named->text;
	error = resolve_entry(&request->caller, &place, &named->at);
	return error ? refuse_unreadable(request, error) : 0;
}

static void note(struct request *request, enum action action, const struct named *named,
		 struct verdict verdict)
{
	const struct target *target = &named->at.target;
	bool same = named->text_size == target->size &&
		    !memcmp(named->text, target->path, target->size);

	if (verdict.allowed && !request->rules->record_allowed)
		return;
	/* No call has more; one that had would lose a row, and not write it over what lies behind.
	 */
	if (request->frame_count == REQUEST_FRAMES_MAX)
		return;
	request->frames[request->frame_count++] = (struct access_frame){
		.action = action,
		.verdict = verdict,
		.path = target->path,
		.path_size = target->size,
		.requested = same ? NULL : named->text,
		.requested_size = named->text_size,
	};
}

void request_keep_denials(struct request *request)
{
	size_t kept = 0;

	if (request->has_called)
		return;
	for (size_t i = 0; i < request->frame_count; i++) {
		if (!request->frames[i].verdict.allowed)
			request->frames[kept++] = request->frames[i];
	}
	request->frame_count = kept;
}

/* Whether other names of a file count: who reads it where the kernel opens it is not known. */
static bool judges_names(const struct request *request, enum action action)
{
	return (action == ACTION_FILE_READ && request->rules->broker_open) ||
	       (action == ACTION_FILE_WRITE && request->rules->broker_create);
}

struct verdict request_judge(const struct request *request, enum action action,
			     const struct target *target)
{
	const struct judge *judge = request->rules->judge;
	struct verdict verdict = judge_path(judge, action, target->path, target->size);

	/* Losing its name makes nothing of it: the name it had still counts. */
	if (verdict.allowed && target->is_deleted)
		verdict = judge_path(judge, action, target->path, target->size - NAME_DELETED_SIZE);
	/* A rename changes what a name stands for, not what is in any file. */
	if (verdict.allowed && target->state == TARGET_EXISTS &&
	    request->call->kind != CALL_RENAME && judges_names(request, action)) {
		struct verdict others = links_judge(target, action);

		if (!others.allowed)
			verdict = others;
	}
	return verdict;
}

bool request_consider(struct request *request, enum action action, const struct named *named)
{
	struct verdict verdict = request_judge(request, action, &named->at.target);

	note(request, action, named, verdict);
	if (!verdict.allowed)
		request_keep_denials(request);
	return verdict.allowed;
}

void request_refuse(struct request *request, enum action action, const struct named *named,
		    uint32_t rule)
{
	/* First: an exchange may have all its rows by now, of what would have been let through. */
	request_keep_denials(request);
	note(request, action, named, (struct verdict){false, rule});
}

void request_note_socket(struct request *request, const struct subject *subject,
			 struct verdict verdict)
{
	size_t index = request->frame_count;

	note(request, subject->action, &request->first, verdict);
	if (request->frame_count == index)
		return;
	request->frames[index].has_port = subject->has_port;
	request->frames[index].protocol = subject->has_port ? request->protocol : 0;
	request->frames[index].port = subject->has_port ? subject->port : 0;
}

int request_fails(struct request *request, enum action action, const struct named *named, int error)
{
	const struct target *target = &named->at.target;
	struct verdict verdict;

	request->frame_count = 0;
	/* Below a folder that is not open there is nothing a row could name. */
	if (error == EBADF)
		return error;
	verdict = request_judge(request, action, target);
	if (!verdict.allowed && verdict.rule == JUDGE_NO_RULE)
		verdict = judge_path(request->rules->failing, action, target->path, target->size);
	if (verdict.allowed && !request->rules->record_failed)
		return error;
	request->fails = verdict.allowed;
	note(request, action, named, verdict);
	return error;
}

void request_record(struct request *request)
{
	uint32_t program = request->frames[0].program;

	if (request->is_call_refused)
		frames_add_refused(&(struct refused_frame){
			.pid = request->caller.tid,
			.program = program,
			.syscall = (uint16_t)request->data->nr,
			.arguments = {request->data->args[0], request->data->args[1]},
		});
	for (size_t i = 0; i < request->frame_count; i++) {
		struct access_frame *frame = &request->frames[i];

		frame->pid = request->caller.tid;
		frame->program = program;
		frame->flags = request->flags & ~FRAME_FAILS;
		if (request->fails)
			frame->flags |= FRAME_FAILS;
		frame->syscall = (uint16_t)request->data->nr;
		frames_add_access(frame);
	}
}
