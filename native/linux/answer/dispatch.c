/*
 * The kind of a call says which part of the broker answers it. Names are made, moved, removed and
 * bound under a lock: several threads answer calls, and each of those is judged and done as one.
 */
#include "dispatch.h"

#include <errno.h>

#include "../files/changes.h"
#include "../files/contexts.h"
#include "../files/names.h"
#include "../files/opens.h"
#include "../files/writable.h"
#include "../sockets/socket_kinds.h"
#include "../sockets/sockets.h"
#include "refused_calls.h"

/* One after the other, whichever threads they come on. */
static int answer_name(struct request *request, int (*answer)(struct request *))
{
	int result;

	names_lock();
	result = answer(request);
	names_unlock();
	return result;
}

int dispatch_call(struct request *request)
{
	if (refused_calls_has(request))
		return refused_calls_answer(request);
	switch ((enum call_kind)request->call->kind) {
	case CALL_OPEN:
		return opens_makes(request) ? answer_name(request, opens_answer)
					    : opens_answer(request);
	case CALL_OPENAT2:
	case CALL_CREAT:
		return answer_name(request, opens_answer);
	case CALL_EXEC:
	case CALL_CHANGE:
		return changes_answer(request);
	case CALL_DELETE:
	case CALL_RENAME:
	case CALL_LINK:
	case CALL_SYMLINK:
	case CALL_MKDIR:
	case CALL_MKNOD:
		return answer_name(request, names_answer);
	case CALL_ACCESS:
		return writable_answer(request);
	case CALL_SOCKET:
	case CALL_SOCKETPAIR:
		return socket_kinds_answer(request);
	case CALL_BIND:
		return answer_name(request, sockets_answer);
	case CALL_CONNECT:
	case CALL_LISTEN:
	case CALL_SENDTO:
	case CALL_SENDMSG:
	case CALL_SENDMMSG:
	case CALL_WRITE:
	case CALL_WRITEV:
		return sockets_answer(request);
	case CALL_CONTEXT:
	case CALL_PART:
		contexts_tell(&request->caller, request->call->kind == CALL_PART);
		return ANSWER_CONTINUE;
	case CALL_UNKNOWN:
		break;
	}
	return ENOSYS;
}
