/*
 * A name is judged as the entry of a directory that was looked up once, and made in that very
 * directory. All calls that could change what a path means go through one thread, so between the
 * judging and the deed nothing inside the box can put another meaning in their way.
 */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../answer/broker.h"
#include "../ask/askable.h"
#include "../judge/resolve_name.h"
#include "../links/links.h"
#include "../links/moves.h"

static pthread_mutex_t names = PTHREAD_MUTEX_INITIALIZER;

void names_lock(void)
{
	pthread_mutex_lock(&names);
}

void names_unlock(void)
{
	pthread_mutex_unlock(&names);
}

static int resolve_name(struct request *request, int directory, int path, struct named *named)
{
	struct place place = {.directory = request_directory(request, directory)};

	return request_resolve_entry(request, path, place, named);
}

/* For calls that make a name that must not be there yet. */
static int judge_new(struct request *request, enum action action, const struct named *named)
{
	const struct target *target = &named->at.target;

	switch (target->state) {
	case TARGET_MISSING:
		/* Only a directory's name may end in a slash. */
		if (named->at.has_trailing_slash && action != ACTION_DIR_CREATE)
			return request_fails(request, action, named, ENOENT);
		return request_consider(request, action, named) ? ANSWER_CONTINUE : EACCES;
	case TARGET_FAILS:
		return request_fails(request, action, named, target->error);
	case TARGET_EXISTS:
	case TARGET_NO_FILE:
		break;
	}
	return EEXIST;
}

/* 0, or how the kernel refuses to make such a thing, wherever. */
static int refuse_type(const struct request *request)
{
	if (request->call->kind != CALL_MKNOD)
		return 0;
	switch ((mode_t)request_argument(request, request->call->mode) & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		return 0;
	case S_IFDIR:
		return EPERM;
	default:
		return EINVAL;
	}
}

/* What a deed returned as the answer to give. */
static int done(int result)
{
	return result < 0 ? errno : ANSWER_DONE;
}

/* mkdir, mknod and symlink, which is the one whose text is in the second name. */
static int make(struct request *request)
{
	const struct entry *at = &request->first.at;
	mode_t mode = (mode_t)request_argument(request, request->call->mode);
	int answer = broker_confirm_umask(request);
	dev_t device;

	if (answer != 0)
		return answer;
	if (request->call->kind == CALL_MKDIR)
		return done(mkdirat(at->target.fd, at->name, mode));
	if (request->call->kind == CALL_SYMLINK)
		return done(symlinkat(request->second.text, at->target.fd, at->name));
	device = (dev_t)(uint32_t)request_argument(request, request->call->mode + 1);
	return done(mknodat(at->target.fd, at->name, mode, device));
}

static int answer_new(struct request *request, enum action action)
{
	const struct call *call = request->call;
	int answer = refuse_type(request);

	if (answer == 0 && call->kind == CALL_SYMLINK)
		answer = request_read_path(request, call->path2, &request->second);
	if (answer != 0)
		return answer;
	if (call->kind == CALL_SYMLINK && request->second.text_size == 0)
		return ENOENT;
	answer = resolve_name(request, call->directory, call->path, &request->first);
	if (answer == 0)
		answer = judge_new(request, action, &request->first);
	if (answer != ANSWER_CONTINUE || !request->rules->broker_create)
		return answer;
	return make(request);
}

bool names_removes_folder(const struct request *request)
{
#ifdef SYS_rmdir
	if (request->data->nr == SYS_rmdir)
		return true;
#endif
	return request_argument(request, request->call->flags) & AT_REMOVEDIR;
}

/* What is no name is refused by which it is: ".", ".." or "/". */
static int refuse_nameless(const struct request *request)
{
	const struct named *named = &request->first;
	size_t end = named->text_size;
	size_t start;

	if (!names_removes_folder(request))
		return EISDIR;
	while (end > 0 && named->text[end - 1] == '/')
		end--;
	for (start = end; start > 0 && named->text[start - 1] == '.'; start--)
		;
	if (end == start)
		return EBUSY;
	return end - start == 1 ? EINVAL : ENOTEMPTY;
}

/* Flags that the kernel does not know, or not together, are refused before all else. */
static bool has_unknown_flags(const struct request *request)
{
	uint32_t flags = (uint32_t)request_argument(request, request->call->flags);

	switch (request->call->kind) {
	case CALL_DELETE:
		return flags & ~(uint32_t)AT_REMOVEDIR;
	case CALL_LINK:
		return flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH);
	case CALL_RENAME:
		return flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
		       (flags & RENAME_NOREPLACE && flags & RENAME_EXCHANGE);
	default:
		return false;
	}
}

static int answer_delete(struct request *request)
{
	const struct call *call = request->call;
	const struct entry *at = &request->first.at;
	bool directory = names_removes_folder(request);
	int answer = resolve_name(request, call->directory, call->path, &request->first);

	if (answer != 0)
		return answer;
	if (at->target.state != TARGET_EXISTS)
		return request_fails(request, ACTION_FILE_DELETE, &request->first,
				     at->target.error);
	if (at->name[0] == 0)
		return refuse_nameless(request);
	if (at->has_trailing_slash && !S_ISDIR(at->target.mode))
		return ENOTDIR;
	if (!request_consider(request, ACTION_FILE_DELETE, &request->first))
		return EACCES;
	if (!request->rules->broker_create)
		return ANSWER_CONTINUE;
	answer = broker_confirm(request);
	if (answer != 0)
		return answer;
	links_begin_removal(at);
	answer = done(unlinkat(at->target.fd, at->name, directory ? AT_REMOVEDIR : 0));
	links_end_change(answer == ANSWER_DONE);
	return answer;
}

/* The object a link is made to; an empty path with AT_EMPTY_PATH is a descriptor. */
static int resolve_source(struct request *request)
{
	const struct call *call = request->call;
	uint64_t flags = request_argument(request, call->flags);
	struct place place = {.directory = request_directory(request, call->directory),
			      .no_follow = !(flags & AT_SYMLINK_FOLLOW)};
	int answer = request_resolve(request, call->path, place, &request->first);

	if (answer != 0 || request->first.text_size > 0)
		return answer;
	if (!(flags & AT_EMPTY_PATH))
		return ENOENT;
	if (resolve_fd(&request->caller, place.directory, &request->first.at.target) != 0)
		return EACCES;
	return 0;
}

/* A folder has one name, but what is wrong with another one is said before. */
static int refuse_folder_link(struct request *request)
{
	const struct call *call = request->call;
	const struct entry *to = &request->second.at;
	int answer = resolve_name(request, call->directory2, call->path2, &request->second);

	if (answer != 0)
		return answer;
	if (to->target.state == TARGET_FAILS)
		return to->target.error;
	if (to->target.state != TARGET_MISSING)
		return EEXIST;
	return to->has_trailing_slash ? ENOENT : EPERM;
}

static int answer_link(struct request *request)
{
	const struct call *call = request->call;
	const struct target *from = &request->first.at.target;
	const struct entry *to = &request->second.at;
	int answer = resolve_source(request);

	if (answer != 0)
		return answer;
	if (from->state != TARGET_EXISTS)
		return request_fails(request, ACTION_FILE_READ, &request->first,
				     from->state == TARGET_NO_FILE ? EXDEV : from->error);
	if (S_ISDIR(from->mode))
		return refuse_folder_link(request);
	if (!request_consider(request, ACTION_FILE_READ, &request->first))
		return EACCES;
	answer = resolve_name(request, call->directory2, call->path2, &request->second);
	if (answer == 0)
		answer = judge_new(request, ACTION_FILE_WRITE, &request->second);
	if (answer == ANSWER_CONTINUE)
		answer = moves_judge(request, MOVES_LINK);
	if (answer != ANSWER_CONTINUE || !request->rules->broker_create)
		return answer;
	answer = broker_confirm(request);
	if (answer != 0)
		return answer;
	links_begin_link();
	answer = name_link(from->fd, to->target.fd, to->name);
	if (answer == 0)
		links_note_link(from);
	links_end_change(answer == 0);
	return answer < 0 ? -answer : ANSWER_DONE;
}

static enum moves_kind move_of(uint64_t flags)
{
	return flags & RENAME_EXCHANGE ? MOVES_EXCHANGE : MOVES_RENAME;
}

/* What the kernel would say about these two names, before anybody judges. */
static int check_rename(const struct request *request, uint64_t flags)
{
	const struct entry *from = &request->first.at;
	const struct entry *to = &request->second.at;
	bool to_exists = to->target.state == TARGET_EXISTS;

	if (from->name[0] == 0)
		return EBUSY;
	if (to_exists && to->name[0] == 0)
		return flags & RENAME_NOREPLACE ? EEXIST : EBUSY;
	if (from->target.state != TARGET_EXISTS)
		return ENOENT;
	if (to_exists && (flags & RENAME_NOREPLACE))
		return EEXIST;
	if (!to_exists && (flags & RENAME_EXCHANGE))
		return ENOENT;
	if ((flags & RENAME_EXCHANGE) && to->has_trailing_slash && !S_ISDIR(to->target.mode))
		return ENOTDIR;
	if (!S_ISDIR(from->target.mode) &&
	    (from->has_trailing_slash || (to->has_trailing_slash && !(flags & RENAME_EXCHANGE))))
		return ENOTDIR;
	return 0;
}

static int judge_rename(struct request *request, uint64_t flags)
{
	const struct named *from = &request->first;
	const struct named *to = &request->second;
	int answer = check_rename(request, flags);

	if (answer != 0)
		return answer;
	if (!request_consider(request, ACTION_FILE_DELETE, from) ||
	    !request_consider(request, ACTION_FILE_WRITE, to))
		return EACCES;
	if ((flags & RENAME_EXCHANGE) && (!request_consider(request, ACTION_FILE_WRITE, from) ||
					  !request_consider(request, ACTION_FILE_DELETE, to)))
		return EACCES;
	return moves_judge(request, move_of(flags));
}

static int answer_rename(struct request *request)
{
	const struct call *call = request->call;
	uint64_t flags = (uint32_t)request_argument(request, call->flags);
	const struct entry *from = &request->first.at;
	const struct entry *to = &request->second.at;
	int answer = resolve_name(request, call->directory, call->path, &request->first);

	if (answer != 0)
		return answer;
	if (from->target.state == TARGET_FAILS)
		return request_fails(request, ACTION_FILE_DELETE, &request->first,
				     from->target.error);
	answer = resolve_name(request, call->directory2, call->path2, &request->second);
	if (answer != 0)
		return answer;
	if (to->target.state == TARGET_FAILS)
		return request_fails(request, ACTION_FILE_WRITE, &request->second,
				     to->target.error);
	/* Both folders are looked up before either name. */
	if (from->target.state != TARGET_EXISTS &&
	    !(to->target.state == TARGET_EXISTS && to->name[0] == 0))
		return request_fails(request, ACTION_FILE_DELETE, &request->first,
				     from->target.error);
	answer = judge_rename(request, flags);
	if (answer != ANSWER_CONTINUE || !request->rules->broker_create)
		return answer;
	answer = broker_confirm(request);
	if (answer != 0)
		return answer;
	links_begin_move(from, to, move_of(flags), request->moves_forbidden);
	answer = done((int)syscall(SYS_renameat2, from->target.fd, from->name, to->target.fd,
				   to->name, (unsigned int)flags));
	links_end_change(answer == ANSWER_DONE);
	return answer;
}

static int answer(struct request *request)
{
	uint8_t kind = request->call->kind;

	if (kind == CALL_DELETE)
		return answer_delete(request);
	if (kind == CALL_RENAME)
		return answer_rename(request);
	if (kind == CALL_LINK)
		return answer_link(request);
	return answer_new(request, kind == CALL_MKDIR ? ACTION_DIR_CREATE : ACTION_FILE_WRITE);
}

/* What nobody can allow is found out before anybody is asked. */
static int judge_before_asking(struct request *request)
{
	const struct call *call = request->call;
	uint64_t flags = (uint32_t)request_argument(request, call->flags);
	int found;

	if (call->kind == CALL_LINK) {
		if (request->second.at.target.fd < 0 &&
		    resolve_name(request, call->directory2, call->path2, &request->second) != 0)
			return EACCES;
		found = MOVES_LINK;
	} else if (call->kind == CALL_RENAME) {
		found = move_of(flags);
	} else {
		return ANSWER_CONTINUE;
	}
	request->is_asked = true;
	found = moves_judge(request, (enum moves_kind)found);
	request->is_asked = false;
	return found;
}

int names_answer(struct request *request)
{
	int given;
	int found;

	request->flags = (uint32_t)request_argument(request, request->call->flags);
	if (has_unknown_flags(request))
		return EINVAL;
	given = answer(request);
	if (askable_answer(request, given) != ANSWER_ASK)
		return given;
	found = judge_before_asking(request);
	return found == ANSWER_CONTINUE ? askable_answer(request, given) : found;
}
