/*
 * The kernel resolves, not we: one openat2 with O_PATH and the kernel's own name for what it found.
 * Two things make that wrong, because they mean the process that looks: links to descriptors
 * ("magic links", refused here so that they show up as ELOOP) and /proc/self (seen by the result
 * lying in our own /proc directory). Only then is the path walked component by component in
 * resolve_walk.c, with the caller put in our place.
 */
#define _GNU_SOURCE
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/fd.h"
#include "resolve_walk.h"
#include "uapi.h"

static struct {
	/* /proc/self/fd, the names of our descriptors. */
	int names;
	/* "/proc/<our pid>" */
	char own[32];
	size_t own_size;
} self = {.names = -1};

int resolve_init(void)
{
	char link[32] = "";
	ssize_t size = readlink("/proc/self", link, sizeof(link) - 1);

	if (size < 0)
		return -errno;
	if (strtol(link, NULL, 10) != getpid())
		return -EXDEV;
	self.own_size = (size_t)snprintf(self.own, sizeof(self.own), "/proc/%d", (int)getpid());
	self.names = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return self.names < 0 ? -errno : 0;
}

/* The kernel's name for an open descriptor. */
static int name_fd(int fd, struct target *target)
{
	char number[16];
	ssize_t size;

	snprintf(number, sizeof(number), "%d", fd);
	size = readlinkat(self.names, number, target->path, sizeof(target->path) - 1);
	if (size < 0)
		return -errno;
	target->path[size] = 0;
	target->size = (size_t)size;
	return 0;
}

static int name_existing(int fd, struct target *target)
{
	struct stat status;
	int error = name_fd(fd, target);

	if (error != 0)
		return error;
	if (fstat(fd, &status) < 0)
		return -errno;
	target->state = target->path[0] == '/' ? TARGET_EXISTS : TARGET_NO_FILE;
	target->mode = status.st_mode;
	return 0;
}

/* Appends one component to the name of its directory. False when the result is no possible path. */
static bool append(struct target *target, const char *name, size_t size)
{
	size_t at = target->size;

	if (at > 1)
		target->path[at++] = '/';
	if (at + size >= AE_PATH_MAX)
		return false;
	memcpy(target->path + at, name, size);
	target->size = at + size;
	target->path[target->size] = 0;
	return true;
}

static int name_missing(int parent, const char *name, size_t size, struct target *target)
{
	int error = name_fd(parent, target);

	if (error != 0)
		return error;
	target->state = TARGET_MISSING;
	target->error = ENOENT;
	if (target->path[0] != '/' || !append(target, name, size)) {
		target->state = TARGET_FAILS;
		target->error = ENAMETOOLONG;
	}
	return 0;
}

static bool is_own(const struct target *target)
{
	return target->size >= self.own_size && !memcmp(target->path, self.own, self.own_size) &&
	       (target->path[self.own_size] == '/' || target->path[self.own_size] == 0);
}

/* For a look-up that fails: the text made absolute without asking the disk, so that the row has a
 * path to show. */
static int name_textually(int base, const char *path, int error, struct target *target)
{
	target->size = 1;
	memcpy(target->path, "/", 2);
	if (base >= 0) {
		int failure = name_fd(base, target);

		if (failure != 0)
			return failure;
	}
	while (*path) {
		size_t size = strcspn(path, "/");

		if (size == 2 && !memcmp(path, "..", 2)) {
			while (target->size > 1 && target->path[--target->size] != '/')
				;
			target->path[target->size] = 0;
		} else if (size > 0 && !(size == 1 && *path == '.') &&
			   !append(target, path, size)) {
			break;
		}
		path += size;
		path += *path == '/';
	}
	target->state = TARGET_FAILS;
	target->error = error;
	return 0;
}

static int open_found(int base, const struct place *place)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | (place->no_follow ? O_NOFOLLOW : 0),
		.resolve = place->resolve | RESOLVE_NO_MAGICLINKS,
	};
	int fd = uapi_openat2(base >= 0 ? base : AT_FDCWD, place->path, &how);

	return fd < 0 ? -errno : fd;
}

/* Splits off the last component; `directory` gets what is before it. False when there is none that
 * could be missing. */
static bool split_last(const char *path, char *directory, const char **name, size_t *size)
{
	size_t end = strlen(path);
	size_t start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	*name = path + start;
	*size = end - start;
	if (*size == 0 || (*size == 1 && path[start] == '.') ||
	    (*size == 2 && path[start] == '.' && path[start + 1] == '.'))
		return false;
	if (start == 0)
		memcpy(directory, ".", 2);
	else
		memcpy(directory, path, start);
	if (start > 0)
		directory[start] = 0;
	return true;
}

enum found { FOUND, WALK };

/* The last component may be missing, or be a link that leads nowhere, or a component before it may
 * be missing. */
static int find_missing(int base, const struct place *place, struct target *target,
			enum found *found)
{
	char directory[AE_PATH_MAX];
	ae_auto_fd int parent = -1;
	struct place above = {.path = directory, .resolve = place->resolve};
	struct stat status;
	const char *name;
	size_t size;
	int error;

	if (!split_last(place->path, directory, &name, &size))
		return name_textually(base, place->path, ENOENT, target);
	parent = open_found(base, &above);
	if (parent < 0 && (place->resolve || (parent != -ELOOP && parent != -ENOENT)))
		return name_textually(base, place->path, -parent, target);
	/* Our own /proc/self may lack what the caller's has, so a missing directory proves nothing
	 * yet. */
	if (parent < 0) {
		*found = WALK;
		return 0;
	}
	error = name_missing(parent, name, size, target);
	if (error != 0)
		return error;
	if (is_own(target)) {
		*found = WALK;
	} else if (!place->no_follow) {
		char last[AE_NAME_MAX];

		if (size >= sizeof(last))
			return name_textually(base, place->path, ENAMETOOLONG, target);
		memcpy(last, name, size);
		last[size] = 0;
		if (fstatat(parent, last, &status, AT_SYMLINK_NOFOLLOW) == 0)
			*found = WALK;
	}
	return 0;
}

/* Base directory of a relative path; -1 when the path is absolute. */
static int open_base(const struct caller *caller, const struct place *place, int *base)
{
	char path[64];

	*base = -1;
	if (place->path[0] == '/' && !(place->resolve & RESOLVE_IN_ROOT))
		return 0;
	if (place->directory == AT_FDCWD)
		snprintf(path, sizeof(path), "/proc/%d/cwd", (int)caller->tid);
	else
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)caller->tid, place->directory);
	*base = open(path, O_PATH | O_CLOEXEC);
	return *base < 0 ? -errno : 0;
}

static int walk(const struct caller *caller, int base, const struct place *place,
		struct target *target)
{
	struct walk walk = {.caller = caller, .no_follow = place->no_follow};
	ae_auto_fd int at = resolve_walk(&walk, base, place->path);

	if (at < 0)
		return name_textually(base, place->path, -at, target);
	if (walk.missing_size)
		return name_missing(at, walk.missing, walk.missing_size, target);
	return name_existing(at, target);
}

int resolve_place(const struct caller *caller, const struct place *place, struct target *target)
{
	ae_auto_fd int base = -1;
	ae_auto_fd int fd = -1;
	enum found found = FOUND;
	int error = open_base(caller, place, &base);

	if (error == -ENOENT && place->directory != AT_FDCWD)
		return name_textually(-1, place->path, EBADF, target);
	if (error != 0)
		return error;
	fd = open_found(base, place);
	if (fd >= 0) {
		error = name_existing(fd, target);
		found = is_own(target) ? WALK : FOUND;
	} else if (fd == -ENOENT) {
		error = find_missing(base, place, target, &found);
	} else if (fd == -ELOOP && !place->resolve) {
		found = WALK;
	} else {
		error = name_textually(base, place->path, -fd, target);
	}
	if (error != 0 || found == FOUND)
		return error;
	return walk(caller, base, place, target);
}

int resolve_fd(const struct caller *caller, int fd, struct target *target)
{
	struct place place = {.directory = fd, .path = ""};
	ae_auto_fd int base = -1;
	int error = open_base(caller, &place, &base);

	if (error == -ENOENT)
		return name_textually(-1, "", EBADF, target);
	return error ? error : name_existing(base, target);
}
