/*
 * The kernel looks at the mount last, after the file system and the object's own mode. So what is
 * refused for being read-only on a file system that is not could be written but for the mount.
 */
#include "writable.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../ask/asks.h"
#include "../confine/mountinfo.h"
#include "../uapi.h"

struct search {
	dev_t device;
	bool is_read_only;
};

static void look(void *context, const struct mountinfo *mount)
{
	struct search *search = context;

	if (mount->device == search->device)
		search->is_read_only = mount->is_read_only;
}

static bool is_read_only_disk(dev_t device)
{
	struct search search = {.device = device};

	return !mountinfo_each(look, &search) || search.is_read_only;
}

static bool is_for_the_mount(const struct target *target, int mode)
{
	/* The broker has the caller's own users and no capability. */
	return syscall(SYS_faccessat2, target->fd, "", mode, AT_EMPTY_PATH | AT_EACCESS) < 0 &&
	       errno == EROFS && !is_read_only_disk(target->device);
}

static bool find(struct request *request)
{
	const struct call *call = request->call;
	uint64_t flags = request_argument(request, call->flags);
	struct place place = {
		.directory = request_directory(request, call->directory),
		.no_follow = call->links == LINKS_UNLESS_FLAG && flags & AT_SYMLINK_NOFOLLOW,
	};
	struct named *named = &request->first;

	if (flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EACCESS | AT_EMPTY_PATH))
		return false;
	if (request_resolve(request, call->path, place, named) != 0)
		return false;
	if (named->text_size > 0)
		return true;
	return flags & AT_EMPTY_PATH &&
	       resolve_fd(&request->caller, place.directory, &named->at.target) == 0;
}

int writable_answer(struct request *request)
{
	int mode = (int)request_argument(request, request->call->mode);
	bool is_open = !(mode & ~(R_OK | W_OK | X_OK)) && find(request) &&
		       asks_about_writing(request) &&
		       is_for_the_mount(&request->first.at.target, mode);

	request->frame_count = 0;
	return is_open ? ANSWER_DONE : ANSWER_CONTINUE;
}
