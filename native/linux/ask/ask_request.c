/*
 * The names are those of the folders that were judged, taken from the kernel's own path of each,
 * never from what the caller wrote.
 */
#include "ask_request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../files/change_deeds.h"
#include "../files/contexts.h"
#include "../files/names.h"
#include "../files/opens.h"
#include "../judge/programs.h"

/* What exists has a name as well, which nobody looks at. False: it is too long to be one. */
static bool copy_name(char to[LEND_NAME_ROOM], const struct target *target)
{
	const char *name = target->path + target->size;

	while (name > target->path && name[-1] != '/')
		name--;
	if (strlen(name) >= LEND_NAME_ROOM)
		return false;
	strcpy(to, name);
	return true;
}

static int fill_open(struct request *request, struct lend_request *lend)
{
	struct opening opening = {0};
	int answer = opens_read(request, &opening);

	lend->kind = LEND_MAKE_FILE;
	lend->flags = opening.flags;
	lend->mode = opening.mode;
	return answer;
}

static int fill_kind(struct request *request, struct lend_request *lend, void **value)
{
	const struct call *call = request->call;

	lend->mode = (uint32_t)request_argument(request, call->mode);
	lend->flags = (uint32_t)request_argument(request, call->flags);
	switch (call->kind) {
	case CALL_CHANGE:
		lend->kind = LEND_CHANGE;
		return change_read(request, &lend->change, value);
	case CALL_SYMLINK:
		lend->kind = LEND_MAKE_SYMLINK;
		strcpy(lend->text, request->second.text);
		return 0;
	case CALL_MKDIR:
		lend->kind = LEND_MAKE_FOLDER;
		return 0;
	case CALL_MKNOD:
		lend->kind = LEND_MAKE_NODE;
		lend->device = (uint32_t)request_argument(request, call->mode + 1);
		return 0;
	case CALL_BIND:
		lend->kind = LEND_BIND;
		return 0;
	case CALL_CONNECT:
		lend->kind = LEND_CONNECT;
		return 0;
	case CALL_DELETE:
		lend->kind = LEND_REMOVE;
		lend->flags = names_removes_folder(request) ? AT_REMOVEDIR : 0;
		return 0;
	case CALL_RENAME:
		lend->kind = LEND_MOVE;
		return 0;
	case CALL_LINK:
		lend->kind = LEND_LINK;
		return 0;
	default:
		return fill_open(request, lend);
	}
}

int ask_request_fill(struct request *request, uint32_t program, struct lend_request *lend,
		     void **value)
{
	const char *exe = programs_name(program);
	int mask = contexts_umask(&request->caller);
	int answer;

	memset(lend, 0, sizeof(*lend));
	if (mask < 0)
		return mask == -ESRCH || mask == -ENOENT ? ANSWER_NONE : EACCES;
	lend->umask = (uint32_t)mask;
	lend->pid = (uint32_t)request->caller.tid;
	lend->exe_size = (uint16_t)strnlen(exe, AE_PATH_MAX - 1);
	memcpy(lend->exe, exe, lend->exe_size);
	answer = fill_kind(request, lend, value);
	if (answer == 0 && (!copy_name(lend->name[0], &request->first.at.target) ||
			    (request->second.at.target.fd >= 0 &&
			     !copy_name(lend->name[1], &request->second.at.target))))
		return ENAMETOOLONG;
	return answer;
}
