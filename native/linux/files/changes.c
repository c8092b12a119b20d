/*
 * Without bits 8 and 1024 these are never performed here: they make no name, and what they may
 * touch is decided by Landlock and mounts. An answer other than an error lets the kernel go on.
 * With one the object that was judged is changed here; only exec goes on in the kernel, where
 * Landlock's right to execute decides.
 */
#include "changes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "../ask/askable.h"
#include "../judge/proc.h"
#include "change_deeds.h"
#include "exec.h"
#include "set_id.h"

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

static bool has_descriptor(const struct request *request)
{
	return request_directory(request, request->call->directory) != AT_FDCWD;
}

/*
 * True for calls on a descriptor: those that have no path, and utimensat and futimesat with none.
 * The xattr calls of 6.13 also take none for an empty one.
 */
static bool is_by_descriptor(const struct request *request)
{
	const struct call *call = request->call;

	if (call->kind != CALL_CHANGE)
		return false;
	if (call->path < 0)
		return true;
	if (request_argument(request, call->path))
		return false;
#ifdef SYS_futimesat
	if (request->data->nr == SYS_futimesat)
		return has_descriptor(request);
#endif
	if (request->data->nr == SYS_setxattrat || request->data->nr == SYS_removexattrat)
		return request_argument(request, call->flags) & AT_EMPTY_PATH;
	return request->data->nr == SYS_utimensat && has_descriptor(request);
}

static int resolve_descriptor(struct request *request)
{
	struct named *named = &request->first;
	int fd = request_directory(request, request->call->directory);

	named->text_size = 0;
	/* The current folder has no number of its own, and one of O_PATH is for names alone. */
	if (is_by_descriptor(request) && ((request->call->path < 0 && fd == AT_FDCWD) ||
					  caller_fd_flags(&request->caller, fd) & O_PATH))
		return EBADF;
	if (resolve_fd(&request->caller, fd, &named->at.target) != 0)
		return EACCES;
	/* Shown as it is: the caller gave no name. */
	return 0;
}

/* An empty path with AT_EMPTY_PATH means the directory descriptor itself. */
static int resolve(struct request *request)
{
	const struct call *call = request->call;
	struct place place = {.directory = request_directory(request, call->directory),
			      .no_follow = keeps_link(request)};
	int answer;

	if (is_by_descriptor(request))
		return resolve_descriptor(request);
	answer = request_resolve(request, call->path, place, &request->first);
	if (answer != 0 || request->first.text_size > 0)
		return answer;
	if (call->directory < 0 || !(request_argument(request, call->flags) & AT_EMPTY_PATH))
		return ENOENT;
	return resolve_descriptor(request);
}

/* In a dry run a file the command was started with is the real one, not the copy of that name. */
static bool is_beside_copy(const struct request *request, const struct target *target)
{
	struct statfs own;
	struct statfs named;

	return request->rules->moves_copy && fstatfs(target->fd, &own) == 0 &&
	       statfs(target->path, &named) == 0 && own.f_type != OVERLAYFS_SUPER_MAGIC &&
	       named.f_type == OVERLAYFS_SUPER_MAGIC;
}

static int judge_change(struct request *request)
{
	const struct target *target = &request->first.at.target;

	if (target->state == TARGET_NO_FILE || target->is_memory)
		return ANSWER_CONTINUE;
	if (is_beside_copy(request, target)) {
		request_refuse(request, ACTION_FILE_WRITE, &request->first, JUDGE_NO_RULE);
		return EACCES;
	}
	if (!request_consider(request, ACTION_FILE_WRITE, &request->first))
		return EACCES;
	if (!request->rules->broker_open || proc_lets_open(&request->caller, target))
		return ANSWER_CONTINUE;
	request_refuse(request, ACTION_FILE_WRITE, &request->first, JUDGE_NO_RULE);
	return EACCES;
}

/* What a file holds is changed by whom its other names are judged. */
static bool cuts(const struct request *request)
{
	return request->rules->broker_create && request->data->nr == SYS_truncate;
}

/* Flags that the kernel does not know are refused before a name is looked up. */
static bool has_unknown_flags(const struct request *request)
{
	uint32_t flags = (uint32_t)request_argument(request, request->call->flags);
	uint32_t known = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

	if (request->call->kind != CALL_CHANGE || request->call->links != LINKS_UNLESS_FLAG)
		return false;
	if (request->data->nr == SYS_utimensat && is_by_descriptor(request))
		known = 0;
	return flags & ~known;
}

/* What is answered before a path is looked up. */
static int check(struct request *request)
{
	int answer = change_check(request);

	return answer == ANSWER_CONTINUE && has_unknown_flags(request) ? EINVAL : answer;
}

int changes_answer(struct request *request)
{
	bool is_exec = request->call->kind == CALL_EXEC;
	bool gives_id = set_id_is_given(request);
	bool performs = !is_exec && (request->rules->broker_change || cuts(request) || gives_id);
	enum action action = is_exec ? ACTION_PROCESS_SPAWN : ACTION_FILE_WRITE;
	const struct target *target = &request->first.at.target;
	int answer;

	request->flags = (uint32_t)request_argument(request, request->call->flags);
	/* The descriptor was judged at its opening, as far as Landlock or a mount decides. */
	if (is_by_descriptor(request) && !performs)
		return ANSWER_CONTINUE;
	answer = is_exec ? ANSWER_CONTINUE : check(request);
	if (answer != ANSWER_CONTINUE)
		return answer == ANSWER_DONE && !performs ? ANSWER_CONTINUE : answer;
	answer = resolve(request);
	if (answer != 0)
		return answer;
	if (target->state == TARGET_FAILS || target->state == TARGET_MISSING)
		return request_fails(request, action, &request->first, target->error);
	if (gives_id && !S_ISDIR(target->mode))
		return set_id_refuse(request);
	answer = is_exec ? exec_judge(request) : judge_change(request);
	if (answer == ANSWER_CONTINUE && performs)
		return change_perform(request);
	if (answer == ANSWER_CONTINUE)
		change_tell_limit(request);
	return is_exec ? answer : askable_answer(request, answer);
}
