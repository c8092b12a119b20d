/*
 * What a person may be asked about: a call that no rule decided, on things that were found, that
 * can be opened again for the deed, and whose other names no rule forbids.
 */
#include "askable.h"

#include <errno.h>
#include <sys/stat.h>

#include "../judge/proc.h"
#include "../links/links.h"

/* No rule decided, so that a person may. */
static bool is_for_want_of_a_rule(const struct request *request)
{
	for (size_t i = 0; i < request->frame_count; i++) {
		if (request->frames[i].verdict.rule != JUDGE_NO_RULE)
			return false;
	}
	return request->frame_count > 0;
}

/* What all its other names say counts as well. */
static bool lets_names(const struct target *target, enum action action)
{
	return target->links < 2 || !S_ISREG(target->mode) || links_judge(target, action).allowed;
}

static bool is_askable(const struct request *request)
{
	const struct target *first = &request->first.at.target;
	const struct target *second = &request->second.at.target;

	/* Whoever cannot be looked into is denied before anything is found. */
	if (first->fd < 0)
		return false;
	switch ((enum call_kind)request->call->kind) {
	case CALL_CHANGE:
		return first->state == TARGET_EXISTS && !first->is_deleted && !first->is_memory &&
		       lets_names(first, ACTION_FILE_WRITE) &&
		       proc_lets_open(&request->caller, first);
	case CALL_LINK:
		return first->state == TARGET_EXISTS && !first->is_deleted && !first->is_memory &&
		       (second->fd < 0 || (second->state == TARGET_MISSING &&
					   !request->second.at.has_trailing_slash)) &&
		       lets_names(first, ACTION_FILE_READ) && lets_names(first, ACTION_FILE_WRITE);
	case CALL_OPEN:
	case CALL_OPENAT2:
	case CALL_CREAT:
		return first->state == TARGET_MISSING;
	case CALL_RENAME:
		return second->fd >= 0;
	case CALL_DELETE:
	case CALL_SYMLINK:
	case CALL_MKDIR:
	case CALL_MKNOD:
		return true;
	case CALL_BIND:
		return first->state == TARGET_MISSING && request->first.text_size > 0 &&
		       request->first.text[request->first.text_size - 1] != '/';
	case CALL_CONNECT:
		return first->state == TARGET_EXISTS && S_ISSOCK(first->mode) &&
		       !first->is_deleted && first->links < 2;
	case CALL_UNKNOWN:
	case CALL_ACCESS:
	case CALL_EXEC:
	case CALL_CONTEXT:
	case CALL_PART:
	case CALL_SOCKET:
	case CALL_SOCKETPAIR:
	case CALL_LISTEN:
	case CALL_SENDTO:
	case CALL_SENDMSG:
	case CALL_SENDMMSG:
	case CALL_WRITE:
	case CALL_WRITEV:
		break;
	}
	return false;
}

int askable_answer(struct request *request, int answer)
{
	if (answer != EACCES || request->rules->lender < 0 || !is_for_want_of_a_rule(request) ||
	    !is_askable(request))
		return answer;
	return ANSWER_ASK;
}
