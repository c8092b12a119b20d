/*
 * These are never performed here: they make no name, and what they may touch is decided by Landlock
 * and mounts. An answer other than an error lets the kernel go on.
 */
#include "changes.h"

#include <errno.h>
#include <fcntl.h>

static bool keeps_link(const struct request *request)
{
	uint64_t flags = request_argument(request, request->call->flags);

	switch ((enum call_links)request->call->links) {
	case LINKS_FOLLOW:
		return false;
	case LINKS_KEEP:
		return true;
	case LINKS_UNLESS_FLAG:
		return flags & AT_SYMLINK_NOFOLLOW;
	}
	return true;
}

/* An empty path with AT_EMPTY_PATH means the directory descriptor itself. */
static int resolve(struct request *request)
{
	const struct call *call = request->call;
	struct place place = {.directory = request_directory(request, call->directory),
			      .no_follow = keeps_link(request)};
	int answer = request_resolve(request, call->path, place, &request->first);

	if (answer != 0 || request->first.text_size > 0)
		return answer;
	if (call->directory < 0 || !(request_argument(request, call->flags) & AT_EMPTY_PATH))
		return ENOENT;
	if (resolve_fd(&request->caller, place.directory, &request->first.at.target) != 0)
		return EACCES;
	return 0;
}

/* utimensat and futimesat without a path work on the descriptor, which was judged at its opening.
 */
static bool is_by_descriptor(const struct request *request)
{
	if (request->call->kind != CALL_CHANGE || request_argument(request, request->call->path))
		return false;
#ifdef SYS_futimesat
	if (request->data->nr == SYS_futimesat)
		return true;
#endif
	return request->data->nr == SYS_utimensat;
}

int changes_answer(struct request *request)
{
	bool is_exec = request->call->kind == CALL_EXEC;
	enum action action = is_exec ? ACTION_PROCESS_SPAWN : ACTION_FILE_WRITE;
	const struct target *target = &request->first.at.target;
	int answer;

	request->flags = (uint32_t)request_argument(request, request->call->flags);
	if (is_by_descriptor(request))
		return ANSWER_CONTINUE;
	answer = resolve(request);
	if (answer != 0)
		return answer;
	if (target->state == TARGET_NO_FILE)
		return ANSWER_CONTINUE;
	if (target->state != TARGET_EXISTS)
		return request_fails(request, action, &request->first, target->error);
	if (is_exec && (!S_ISREG(target->mode) || !(target->mode & (S_IXUSR | S_IXGRP | S_IXOTH))))
		return request_fails(request, action, &request->first, EACCES);
	return request_consider(request, action, &request->first) ? ANSWER_CONTINUE : EACCES;
}
