/*
 * Links are followed by hand: an ordinary link's text is put before what is left of the path,
 * /proc/self and /proc/thread-self are replaced by the caller's numbers, and a magic link is opened
 * by the kernel on our behalf, which checks that we may look into that process. Every step is an
 * O_PATH descriptor, so nothing is opened for real.
 */
#include "resolve_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../../common/fd.h"
#include "../uapi.h"
#include "proc.h"

enum { STEP_FLAGS = O_PATH | O_CLOEXEC | O_NOFOLLOW, PROC_ROOT_INODE = 1 };

struct state {
	struct walk *walk;
	int at;
	int links;
	/* What is left of the path; links grow it at the front. */
	char rest[2 * AE_PATH_MAX];
};

static int step_to(struct state *state, int fd)
{
	if (fd < 0)
		return -errno;
	fd_close_at(&state->at);
	state->at = fd;
	return 0;
}

/* Takes the next component off the rest. Its size, 0 at the end. */
static size_t take_name(struct state *state, char *name, bool *is_last)
{
	const char *start = state->rest + strspn(state->rest, "/");
	size_t size = strcspn(start, "/");
	const char *after = start + size;
	bool wants_directory = *after == '/';

	if (size >= AE_NAME_MAX)
		return size;
	memcpy(name, start, size);
	name[size] = 0;
	*is_last = after[strspn(after, "/")] == 0;
	/* A trailing slash makes the kernel follow even a link that is not to be followed. */
	if (*is_last && wants_directory)
		memmove(state->rest, "/", 2);
	else
		memmove(state->rest, after, strlen(after) + 1);
	return size;
}

static int prepend(struct state *state, const char *text, size_t size)
{
	size_t rest = strlen(state->rest);

	if (size + 1 + rest >= sizeof(state->rest))
		return -ENAMETOOLONG;
	memmove(state->rest + size + 1, state->rest, rest + 1);
	memcpy(state->rest, text, size);
	state->rest[size] = '/';
	if (rest == 0)
		state->rest[size] = 0;
	return 0;
}

static bool is_proc_root(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_ino == PROC_ROOT_INODE;
}

/* "self" and "thread-self" as the caller sees them. 0 when `name` is neither. */
static int caller_link(struct state *state, const char *name, char *text, size_t size)
{
	const struct caller *caller = state->walk->caller;
	pid_t process;

	if ((strcmp(name, "self") && strcmp(name, "thread-self")) || !is_proc_root(state->at))
		return 0;
	process = caller_process(caller);
	if (process < 0)
		return process;
	if (name[0] == 's')
		return snprintf(text, size, "%d", (int)process);
	return snprintf(text, size, "%d/task/%d", (int)process, (int)caller->tid);
}

static bool is_magic(int directory, const char *name)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
	ae_auto_fd int fd = uapi_openat2(directory, name, &how);

	return fd < 0 && errno == ELOOP;
}

static int follow(struct state *state, const char *name, int link)
{
	char text[AE_PATH_MAX];
	struct statfs system;
	ssize_t size;

	if (++state->links > AE_LINKS_MAX)
		return -ELOOP;
	if (fstatfs(link, &system) < 0)
		return -errno;
	if (system.f_type == PROC_SUPER_MAGIC) {
		int own = caller_link(state, name, text, sizeof(text));

		if (own < 0)
			return own;
		if (own > 0)
			return prepend(state, text, (size_t)own);
		if (is_magic(state->at, name)) {
			if (!proc_lets_follow(state->at))
				return -EACCES;
			return step_to(state, openat(state->at, name, O_PATH | O_CLOEXEC));
		}
	}
	size = readlinkat(link, "", text, sizeof(text));
	if (size < 0)
		return -errno;
	if (size == 0 || (size_t)size == sizeof(text))
		return -ENOENT;
	if (text[0] == '/') {
		int error = step_to(state, open("/", O_PATH | O_CLOEXEC));

		if (error != 0)
			return error;
	}
	return prepend(state, text, (size_t)size);
}

static int step(struct state *state, const char *name, bool is_last)
{
	bool slash = state->rest[0] == '/';
	ae_auto_fd int next = openat(state->at, name, STEP_FLAGS);
	struct stat status;

	if (next < 0 && errno == ENOENT && is_last) {
		state->walk->missing_size = strlen(name);
		memcpy(state->walk->missing, name, state->walk->missing_size + 1);
		return 0;
	}
	if (next < 0 || fstat(next, &status) < 0)
		return -errno;
	if (S_ISLNK(status.st_mode) && !(is_last && state->walk->no_follow && !slash))
		return follow(state, name, next);
	if (!is_last && !S_ISDIR(status.st_mode))
		return -ENOTDIR;
	return step_to(state, fd_steal(&next));
}

int resolve_walk(struct walk *walk, int base, const char *path)
{
	struct state state = {.walk = walk};
	char name[AE_NAME_MAX];
	bool is_last = false;
	ae_auto_fd int at = path[0] == '/' || base < 0 ? open("/", O_PATH | O_CLOEXEC)
						       : fcntl(base, F_DUPFD_CLOEXEC, 0);
	size_t size;
	int error = 0;

	if (at < 0)
		return -errno;
	if (strlen(path) >= AE_PATH_MAX)
		return -ENAMETOOLONG;
	strncpy(state.rest, path, sizeof(state.rest) - 1);
	state.at = fd_steal(&at);
	while (error == 0 && walk->missing_size == 0 &&
	       (size = take_name(&state, name, &is_last)) > 0) {
		if (size >= sizeof(name))
			error = -ENAMETOOLONG;
		else if (strcmp(name, ".") != 0)
			error = step(&state, name, is_last);
	}
	if (error == 0)
		return state.at;
	if (state.links > 0 && size < sizeof(name)) {
		snprintf(walk->left, sizeof(walk->left), "%s/%s", name, state.rest);
		walk->stopped = fd_steal(&state.at);
	}
	fd_close_at(&state.at);
	return error;
}
