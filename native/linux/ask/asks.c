/*
 * What is asked about is one object, held by the path descriptor it was judged through, so whatever
 * happens to its name while a person thinks, it is that object which is opened or nothing. So many
 * questions may wait at once; beyond that a denial is a denial.
 */
#include "asks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../answer/jobs.h"
#include "../judge/kernel_files.h"
#include "../judge/proc.h"
#include "../judge/programs.h"
#include "../links/links.h"
#include "borrow.h"
#include "lend_wire.h"

enum { ASKS_MAX = 64 };

static atomic_int asking;

struct question {
	int lender;
	struct lend_request request;
	uint32_t verdict;
	struct access_frame row;
	char path[AE_PATH_MAX + 16];
	char requested[AE_PATH_MAX];
};

static uint16_t actions_of(const struct target *target, const struct opening *opening)
{
	return lend_actions((uint64_t)opener_own_flags(opening->flags), S_ISDIR(target->mode));
}

/* Permitted or nobody's matter, under this and every other name; not forbidden. */
static bool is_open_to_question(const struct request *request, enum action action)
{
	const struct target *target = &request->first.at.target;
	struct verdict verdict =
		judge_path(request->rules->judge, action, target->path, target->size);

	if (!verdict.allowed && verdict.rule != JUDGE_NO_RULE)
		return false;
	return action == ACTION_DIR_LIST || target->links < 2 ||
	       links_judge(target, action).allowed;
}

bool asks_about(const struct request *request, const struct opening *opening)
{
	const struct target *target = &request->first.at.target;
	uint16_t actions;

	if (request->rules->lender < 0 || target->state != TARGET_EXISTS || target->is_deleted ||
	    target->is_memory || opener_is_temporary(opening->flags) ||
	    (!S_ISREG(target->mode) && !S_ISDIR(target->mode)))
		return false;
	actions = actions_of(target, opening);
	for (int action = 0; action < ACTION_COUNT; action++) {
		if (actions >> action & 1 && !is_open_to_question(request, (enum action)action))
			return false;
	}
	return actions != 0 && proc_lets_open(&request->caller, target);
}

bool asks_about_writing(const struct request *request)
{
	const struct target *target = &request->first.at.target;

	return request->rules->lender >= 0 && target->state == TARGET_EXISTS &&
	       !target->is_deleted && !target->is_memory &&
	       (S_ISREG(target->mode) || S_ISDIR(target->mode)) && !kernel_files_has(target->fd) &&
	       is_open_to_question(request, ACTION_FILE_WRITE) &&
	       proc_lets_open(&request->caller, target);
}

static int perform(struct job *job)
{
	struct question *question = job->context;

	return borrow_open(question->lender, job->fd, &question->request, &question->verdict);
}

/* The row of what was answered. */
static void record(const struct job *job, int result)
{
	struct question *question = job->context;
	struct access_frame *row = &question->row;

	row->verdict.allowed = result == 0;
	row->verdict.rule =
		question->verdict == LEND_UNASKED ? JUDGE_NO_RULE : JUDGE_ASKED + question->verdict;
	frames_add_access(row);
}

static void end(const struct job *job, int result)
{
	if (result != JOB_UNANSWERED)
		record(job, result);
	asking--;
}

static enum action action_of(uint16_t actions)
{
	if (actions >> ACTION_FILE_WRITE & 1)
		return ACTION_FILE_WRITE;
	return actions >> ACTION_DIR_LIST & 1 ? ACTION_DIR_LIST : ACTION_FILE_READ;
}

static void fill(struct question *question, const struct request *request,
		 const struct opening *opening)
{
	const struct named *named = &request->first;
	const struct target *target = &named->at.target;
	uint32_t program = programs_of(request->caller.tid);
	const char *exe = programs_name(program);
	bool is_same = named->text_size == target->size &&
		       !memcmp(named->text, target->path, target->size);

	memcpy(question->path, target->path, target->size);
	memcpy(question->requested, named->text, named->text_size);
	question->lender = request->rules->lender;
	question->verdict = LEND_UNASKED;
	question->request.flags = (uint64_t)opener_own_flags(opening->flags);
	question->request.pid = (uint32_t)request->caller.tid;
	question->request.exe_size = (uint16_t)strnlen(exe, AE_PATH_MAX - 1);
	memcpy(question->request.exe, exe, question->request.exe_size);
	question->row = (struct access_frame){
		.pid = request->caller.tid,
		.program = program,
		.flags = request->flags,
		.syscall = (uint16_t)request->data->nr,
		.action = action_of(actions_of(target, opening)),
		.path = question->path,
		.path_size = target->size,
		.requested = is_same ? NULL : question->requested,
		.requested_size = named->text_size,
	};
}

int asks_start(struct request *request, const struct opening *opening)
{
	struct target *target = &request->first.at.target;
	struct question *question;
	struct job job = {
		.caller = request->caller,
		.perform = perform,
		.end = end,
		.hands_over = true,
		.fd = -1,
		.held = -1,
		.close_on_exec = opening->flags & O_CLOEXEC,
	};
	int error;

	if (asking >= ASKS_MAX)
		return EACCES;
	question = calloc(1, sizeof(*question));
	if (!question)
		return EACCES;
	fill(question, request, opening);
	job.context = question;
	job.fd = target->fd;
	target->fd = -1;
	asking++;
	error = jobs_start(&job);
	if (error != 0) {
		asking--;
		return EACCES;
	}
	request->frame_count = 0;
	return ANSWER_SENT;
}
