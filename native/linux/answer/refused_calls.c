/*
 * The filter refuses by the registers alone, so nothing can have changed meanwhile: what comes here
 * is refused, and only has to be told of. That is every call nobody here understands, and of those
 * that are understood what would make a device, a set-user-ID program or a namespace. None of it is
 * ever let go on.
 */
#include "refused_calls.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>

#include "../judge/programs.h"

/* Not known to every C library. clone reads the bit of the last one as a signal. */
enum { NEW_CGROUP = 0x02000000, NEW_TIME = 0x80, WHITEOUT = 4 };

static bool makes_namespace(const struct request *request)
{
	uint64_t flags = request->data->args[0];
	uint64_t namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
			      CLONE_NEWPID | CLONE_NEWNET | NEW_CGROUP;

	if (request->data->nr == SYS_unshare)
		namespaces |= NEW_TIME;
	return flags & namespaces;
}

/* A device, or what gives whoever runs it the rights of its owner. */
static bool makes_forbidden(const struct request *request)
{
	uint64_t mode = request_argument(request, request->call->mode);

	return S_ISCHR(mode) || S_ISBLK(mode) || mode & (S_ISUID | S_ISGID);
}

bool refused_calls_has(const struct request *request)
{
	enum call_kind kind;

	if (!request->call || request->data->arch != AE_AUDIT_ARCH)
		return true;
	/* A box that is only watched may make all of them. */
	if (!request->rules->tells_refused)
		return false;
	kind = (enum call_kind)request->call->kind;
	if (kind == CALL_PART)
		return makes_namespace(request);
	if (kind == CALL_MKNOD)
		return makes_forbidden(request);
	/* A whiteout is a device by another name. */
	return kind == CALL_RENAME && request_argument(request, request->call->flags) & WHITEOUT;
}

int refused_calls_answer(struct request *request)
{
	request->is_refused = true;
	request->is_call_refused = true;
	/* Where the program of a row is kept. */
	request->frames[0].program = programs_of(request->caller.tid);
	return EPERM;
}
