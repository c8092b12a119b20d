/*
 * What each call means as actions on objects. Failures that the kernel would report as well are
 * answered here: the caller's memory is then not read a second time, and a row never claims an
 * access that could not happen.
 */
#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>

struct opening {
	uint64_t flags;
	uint64_t resolve;
};

static int directory_of(const struct request *request, int index)
{
	return index < 0 ? AT_FDCWD : (int)request->data->args[index];
}

static struct place first_place(const struct request *request)
{
	const struct call *call = request->call;
	uint64_t flags = request_argument(request, call->flags);
	struct place place = {.directory = directory_of(request, call->directory)};

	switch ((enum call_links)call->links) {
	case LINKS_FOLLOW:
		break;
	case LINKS_KEEP:
		place.no_follow = true;
		break;
	case LINKS_UNLESS_FLAG:
		place.no_follow = flags & AT_SYMLINK_NOFOLLOW;
		break;
	case LINKS_IF_FLAG:
		place.no_follow = !(flags & AT_SYMLINK_FOLLOW);
		break;
	}
	return place;
}

/* Resolves the first path; an empty one with AT_EMPTY_PATH means the directory descriptor itself.
 */
static int resolve_first(struct request *request)
{
	const struct call *call = request->call;
	struct named *named = &request->first;
	int answer = request_resolve(request, call->path, first_place(request), named);
	bool may_be_empty = call->flags >= 0 && call->directory >= 0 &&
			    (request->data->args[call->flags] & AT_EMPTY_PATH);

	if (answer != 0 || named->text_size > 0)
		return answer;
	if (!may_be_empty)
		return ENOENT;
	if (resolve_fd(&request->caller, directory_of(request, call->directory), &named->target))
		return EACCES;
	return 0;
}

static int resolve_second(struct request *request)
{
	const struct call *call = request->call;
	struct place place = {.directory = directory_of(request, call->directory2),
			      .no_follow = true};

	return request_resolve(request, call->path2, place, &request->second);
}

static int answer_if(bool allowed)
{
	return allowed ? ANSWER_CONTINUE : EACCES;
}

/* For calls on something that must be there already. */
static int judge_existing(struct request *request, enum action action)
{
	const struct target *target = &request->first.target;

	switch (target->state) {
	case TARGET_EXISTS:
		return answer_if(request_consider(request, action, &request->first));
	case TARGET_MISSING:
	case TARGET_FAILS:
		return request_fails(request, action, &request->first, target->error);
	case TARGET_NO_FILE:
		break;
	}
	return ANSWER_CONTINUE;
}

/* For calls that make a name that must not be there yet. */
static int judge_new(struct request *request, enum action action, const struct named *named)
{
	const struct target *target = &named->target;

	switch (target->state) {
	case TARGET_MISSING:
		return answer_if(request_consider(request, action, named));
	case TARGET_FAILS:
		return request_fails(request, action, named, target->error);
	case TARGET_EXISTS:
	case TARGET_NO_FILE:
		break;
	}
	return EEXIST;
}

static int read_opening(struct request *request, struct opening *opening)
{
	struct open_how how;
	uint64_t size;
	int error;

	if (request->call->kind == CALL_CREAT) {
		opening->flags = O_CREAT | O_WRONLY | O_TRUNC;
	} else if (request->call->kind == CALL_OPEN) {
		opening->flags = (uint32_t)request_argument(request, request->call->flags);
	} else {
		size = request->data->args[3];
		/* A longer struct than ours may ask for what we do not know. */
		if (size != sizeof(how))
			return size < sizeof(how) ? EINVAL : E2BIG;
		error = caller_read(&request->caller, request->data->args[2], &how, sizeof(how));
		if (error != 0)
			return -error;
		*opening = (struct opening){how.flags, how.resolve};
	}
	request->flags = (uint32_t)opening->flags;
	return 0;
}

static bool is_creating(uint64_t flags)
{
	return (flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE;
}

static bool reads(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_TRUNC | O_CREAT)) ||
	       (flags & O_TMPFILE) == O_TMPFILE;
}

/* Reading and writing are both judged; one row says it, because writing is what matters. */
static int judge_content(struct request *request, bool read, bool write)
{
	const struct named *named = &request->first;

	if (read && write) {
		struct verdict verdict = judge_path(request->rules->judge, ACTION_FILE_READ,
						    named->target.path, named->target.size);

		if (!verdict.allowed) {
			request_refuse(request, ACTION_FILE_READ, named, verdict.rule);
			return EACCES;
		}
	}
	return answer_if(
		request_consider(request, write ? ACTION_FILE_WRITE : ACTION_FILE_READ, named));
}

static int judge_open_existing(struct request *request, uint64_t flags)
{
	const struct named *named = &request->first;
	mode_t mode = named->target.mode;
	bool temporary = (flags & O_TMPFILE) == O_TMPFILE;

	if ((flags & O_CREAT) && (flags & O_EXCL) && !temporary)
		return EEXIST;
	if (S_ISLNK(mode))
		return request_fails(request, ACTION_FILE_READ, named, ELOOP);
	if (S_ISDIR(mode)) {
		if (temporary)
			return judge_content(request, reads(flags), true);
		if (writes(flags))
			return request_fails(request, ACTION_FILE_WRITE, named, EISDIR);
		return answer_if(request_consider(request, ACTION_DIR_LIST, named));
	}
	if (flags & O_DIRECTORY)
		return request_fails(request, ACTION_DIR_LIST, named, ENOTDIR);
	/* O_CREAT on what exists creates nothing. */
	return judge_content(request, reads(flags), writes(flags & ~(uint64_t)O_CREAT));
}

static int judge_open(struct request *request)
{
	struct opening opening = {0};
	struct place place = {.directory = directory_of(request, request->call->directory)};
	const struct target *target = &request->first.target;
	int answer = read_opening(request, &opening);
	uint64_t flags = opening.flags;

	if (answer != 0)
		return answer;
	/* An O_PATH descriptor opens nothing; what is done with it is judged then. */
	if (flags & O_PATH)
		return ANSWER_CONTINUE;
	place.resolve = opening.resolve;
	place.no_follow = (flags & O_NOFOLLOW) || (is_creating(flags) && (flags & O_EXCL));
	answer = request_resolve(request, request->call->path, place, &request->first);
	if (answer != 0)
		return answer;
	switch (target->state) {
	case TARGET_EXISTS:
		return judge_open_existing(request, flags);
	case TARGET_MISSING:
		if (is_creating(flags))
			return judge_content(request, reads(flags), true);
		/* fall through */
	case TARGET_FAILS:
		return request_fails(request, writes(flags) ? ACTION_FILE_WRITE : ACTION_FILE_READ,
				     &request->first, target->error);
	case TARGET_NO_FILE:
		break;
	}
	return ANSWER_CONTINUE;
}

static int judge_exec(struct request *request)
{
	const struct target *target = &request->first.target;
	int answer = resolve_first(request);

	if (answer != 0)
		return answer;
	if (target->state == TARGET_EXISTS &&
	    (!S_ISREG(target->mode) || !(target->mode & (S_IXUSR | S_IXGRP | S_IXOTH))))
		return request_fails(request, ACTION_PROCESS_SPAWN, &request->first, EACCES);
	return judge_existing(request, ACTION_PROCESS_SPAWN);
}

/*
 * A moved or linked file is reachable under its new name, so what the policy denies at the old name
 * must not become allowed at the new one.
 */
static bool gains(struct request *request)
{
	static const enum action actions[] = {ACTION_FILE_READ, ACTION_FILE_WRITE};
	const struct target *from = &request->first.target;
	const struct target *to = &request->second.target;

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		struct verdict here =
			judge_path(request->rules->judge, actions[i], from->path, from->size);
		struct verdict there =
			judge_path(request->rules->judge, actions[i], to->path, to->size);

		if (!here.allowed && there.allowed) {
			request_refuse(request, actions[i], &request->first, here.rule);
			return true;
		}
	}
	return false;
}

/* A directory takes along every name below it: names that a forbid rule protects must neither leave
 * nor arrive. */
static bool moves_protected(struct request *request)
{
	const struct named *names[] = {&request->first, &request->second};

	if (!S_ISDIR(request->first.target.mode) &&
	    !(request->second.target.state == TARGET_EXISTS &&
	      S_ISDIR(request->second.target.mode)))
		return false;
	for (size_t i = 0; i < 2; i++) {
		uint32_t rule = judge_forbid_below(request->rules->judge, names[i]->target.path,
						   names[i]->target.size);

		if (rule != JUDGE_NO_RULE) {
			request_refuse(request, i ? ACTION_FILE_WRITE : ACTION_FILE_DELETE,
				       names[i], rule);
			return true;
		}
	}
	return false;
}

static int judge_rename(struct request *request)
{
	uint64_t flags = request_argument(request, request->call->flags);
	const struct target *to = &request->second.target;
	int answer = resolve_first(request);

	if (answer != 0)
		return answer;
	if (request->first.target.state != TARGET_EXISTS)
		return request_fails(request, ACTION_FILE_DELETE, &request->first,
				     request->first.target.error);
	answer = resolve_second(request);
	if (answer != 0)
		return answer;
	if (to->state == TARGET_FAILS)
		return request_fails(request, ACTION_FILE_WRITE, &request->second, to->error);
	if (to->state == TARGET_EXISTS && (flags & RENAME_NOREPLACE))
		return EEXIST;
	if (!request_consider(request, ACTION_FILE_DELETE, &request->first) ||
	    !request_consider(request, ACTION_FILE_WRITE, &request->second))
		return EACCES;
	if ((flags & RENAME_EXCHANGE) &&
	    (!request_consider(request, ACTION_FILE_WRITE, &request->first) ||
	     !request_consider(request, ACTION_FILE_DELETE, &request->second)))
		return EACCES;
	return answer_if(!gains(request) && !moves_protected(request));
}

static int judge_link(struct request *request)
{
	int answer = resolve_first(request);

	if (answer != 0)
		return answer;
	answer = judge_existing(request, ACTION_FILE_READ);
	if (answer != 0)
		return answer;
	answer = resolve_second(request);
	if (answer != 0)
		return answer;
	answer = judge_new(request, ACTION_FILE_WRITE, &request->second);
	if (answer != 0) {
		if (answer != EACCES)
			request->frame_count = 0;
		return answer;
	}
	return answer_if(!gains(request));
}

static int judge_made(struct request *request, enum action action)
{
	int answer = resolve_first(request);

	return answer ? answer : judge_new(request, action, &request->first);
}

static int judge_changed(struct request *request, enum action action)
{
	int answer;

	/* utimensat without a path works on the descriptor, which was judged when it was opened. */
	if (request->data->nr == SYS_utimensat && request->data->args[1] == 0)
		return ANSWER_CONTINUE;
#ifdef SYS_futimesat
	if (request->data->nr == SYS_futimesat && request->data->args[1] == 0)
		return ANSWER_CONTINUE;
#endif
	answer = resolve_first(request);
	return answer ? answer : judge_existing(request, action);
}

int files_judge(struct request *request)
{
	request->flags = (uint32_t)request_argument(request, request->call->flags);
	switch ((enum call_kind)request->call->kind) {
	case CALL_OPEN:
	case CALL_OPENAT2:
	case CALL_CREAT:
		return judge_open(request);
	case CALL_EXEC:
		return judge_exec(request);
	case CALL_DELETE:
		return judge_changed(request, ACTION_FILE_DELETE);
	case CALL_RENAME:
		return judge_rename(request);
	case CALL_LINK:
		return judge_link(request);
	case CALL_SYMLINK:
	case CALL_MKNOD:
		return judge_made(request, ACTION_FILE_WRITE);
	case CALL_MKDIR:
		return judge_made(request, ACTION_DIR_CREATE);
	case CALL_CHANGE:
		return judge_changed(request, ACTION_FILE_WRITE);
	case CALL_UNKNOWN:
	case CALL_CONNECT:
	case CALL_BIND:
	case CALL_LISTEN:
	case CALL_SENDTO:
	case CALL_SENDMSG:
	case CALL_SENDMMSG:
		break;
	}
	return ENOSYS;
}
