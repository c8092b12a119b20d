/*
 * The kernel resolves, not we: one openat2 with O_PATH and the kernel's own name for what it found.
 * Two things make that wrong, because they mean the process that looks: links to descriptors
 * ("magic links", refused here so that they show up as ELOOP) and /proc/self (seen by the result
 * lying in our own /proc directory). Only then is the path walked component by component in
 * resolve_walk.c, with the caller put in our place.
 */
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../../common/fd.h"
#include "../../common/number.h"
#include "../files/contexts.h"
#include "../uapi.h"
#include "proc.h"
#include "resolve_name.h"
#include "resolve_walk.h"

/* A path cut before its last component. */
struct split {
	char directory[AE_PATH_MAX];
	const char *name;
	size_t size;
	bool has_trailing_slash;
};

int resolve_init(void)
{
	int error = name_init();

	if (error == 0)
		error = caller_init();
	return error ? error : proc_init();
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

/* What a descriptor of the caller stands for, or its current directory. */
static int open_directory(const struct caller *caller, int directory)
{
	char file[3 + NUMBER_SIZE] = "fd/";

	if (directory == AT_FDCWD)
		return caller_open(caller, "cwd", O_PATH);
	if (directory < 0)
		return -ENOENT;
	number_write(file + 3, (unsigned int)directory);
	return caller_open(caller, file, O_PATH);
}

/* Base directory of a relative path; -1 when the path is absolute. *owned is to be closed. */
static int open_base(const struct caller *caller, const struct place *place, int *base, int *owned)
{
	*base = -1;
	if (place->path[0] == '/' && !(place->resolve & RESOLVE_IN_ROOT))
		return 0;
	if (place->directory == AT_FDCWD)
		*base = contexts_folder(caller, owned);
	else
		*base = *owned = open_directory(caller, place->directory);
	return *base < 0 ? *base : 0;
}

/* False when the path has no last component that could be a name. */
static bool split_last(const char *path, struct split *split)
{
	size_t end = strlen(path);
	size_t start;

	split->has_trailing_slash = end > 0 && path[end - 1] == '/';
	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	split->name = path + start;
	split->size = end - start;
	if (split->size == 0 || (split->size == 1 && path[start] == '.') ||
	    (split->size == 2 && path[start] == '.' && path[start + 1] == '.'))
		return false;
	if (start == 0)
		memcpy(split->directory, ".", 2);
	else
		memcpy(split->directory, path, start);
	if (start > 0)
		split->directory[start] = 0;
	return true;
}

/* True for a path that ends with a possible name and nothing behind it; no dot, to be simple. */
static bool ends_with_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t size = strlen(slash ? slash + 1 : path);

	return size > 0 && size < AE_NAME_MAX && path[strlen(path) - 1] != '.';
}

static int walk(const struct caller *caller, int base, const struct place *place,
		struct target *target)
{
	struct walk walk = {.caller = caller, .no_follow = place->no_follow, .stopped = -1};
	int at = resolve_walk(&walk, base, place->path);
	ae_auto_fd int stopped = walk.stopped;

	target_close(target);
	/* What a link leads to is what was asked for, there or not. */
	if (stopped >= 0)
		return name_textually(stopped, walk.left, -at, target);
	if (at < 0)
		return name_textually(base, place->path, -at, target);
	if (walk.missing_size)
		return name_missing(at, walk.missing, walk.missing_size, target);
	return name_existing(at, target);
}

/*
 * An error that our own /proc/self may be to blame for, or a missing component that may only be
 * missing there, is no answer yet. Nor is a folder that nobody may look through, as where a mount
 * hides what is forbidden: a link may have led there.
 */
static bool needs_walk(int error, const struct place *place)
{
	return (error == -ELOOP || error == -ENOENT || error == -EACCES) && !place->resolve;
}

/* True when `name` is in the directory after all: it is a link that leads nowhere. */
static bool is_there(int directory, const struct split *split)
{
	char name[AE_NAME_MAX];
	struct stat status;

	if (split->size >= sizeof(name))
		return false;
	memcpy(name, split->name, split->size);
	name[split->size] = 0;
	return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The object is not there: the name may be missing, or a link may lead nowhere, or more. */
static int find_missing(const struct caller *caller, int base, const struct place *place,
			struct target *target)
{
	struct split split;
	struct place above = {.path = split.directory, .resolve = place->resolve};
	ae_auto_fd int parent = -1;
	int error;

	if (!split_last(place->path, &split))
		return name_textually(base, place->path, ENOENT, target);
	parent = open_found(base, &above);
	if (needs_walk(parent, place))
		return walk(caller, base, place, target);
	if (parent < 0)
		return name_textually(base, place->path, -parent, target);
	if (!place->no_follow && is_there(parent, &split)) {
		if (place->resolve)
			return name_textually(base, place->path, ENOENT, target);
		return walk(caller, base, place, target);
	}
	error = name_missing(fd_steal(&parent), split.name, split.size, target);
	if (error == 0 && name_is_own(target) && !place->resolve)
		return walk(caller, base, place, target);
	return error;
}

int resolve_place(const struct caller *caller, const struct place *place, struct target *target)
{
	ae_auto_fd int owned = -1;
	int base;
	int error = open_base(caller, place, &base, &owned);
	int fd;

	target_close(target);
	if (error == -ENOENT && place->directory != AT_FDCWD)
		return name_textually(-1, place->path, EBADF, target);
	if (error != 0)
		return error;
	fd = place->is_new && ends_with_name(place->path) ? -ENOENT : open_found(base, place);
	if (fd == -ENOENT)
		return find_missing(caller, base, place, target);
	if (needs_walk(fd, place))
		return walk(caller, base, place, target);
	if (fd < 0)
		return name_textually(base, place->path, -fd, target);
	error = name_existing(fd, target);
	if (error == 0 && name_is_own(target) && !place->resolve)
		return walk(caller, base, place, target);
	return error;
}

/* The directory of an entry; 0 with target->state FAILS when there is none. */
static int open_parent(const struct caller *caller, int base, const struct place *above,
		       struct target *target)
{
	int fd = open_found(base, above);
	int error;

	if (needs_walk(fd, above))
		return walk(caller, base, above, target);
	if (fd < 0)
		return name_textually(base, above->path, -fd, target);
	error = name_existing(fd, target);
	if (error == 0 && name_is_own(target))
		return walk(caller, base, above, target);
	return error;
}

static int name_entry(const struct split *split, struct entry *entry)
{
	struct target *target = &entry->target;
	struct stat status;

	name_append(target, split->name, split->size);
	entry->has_trailing_slash = split->has_trailing_slash;
	if (target->state != TARGET_MISSING)
		return 0;
	entry->name = target->path + target->size - split->size;
	if (fstatat(target->fd, entry->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		target->state = TARGET_EXISTS;
		name_describe(target, &status);
	} else if (errno != ENOENT) {
		target->state = TARGET_FAILS;
		target->error = errno;
	}
	return 0;
}

int resolve_entry(const struct caller *caller, const struct place *place, struct entry *entry)
{
	struct target *target = &entry->target;
	struct split split;
	struct place above = {.directory = place->directory, .path = split.directory};
	ae_auto_fd int owned = -1;
	int base;
	int error;

	entry->name = "";
	if (!split_last(place->path, &split))
		return resolve_place(caller, place, target);
	target_close(target);
	error = open_base(caller, place, &base, &owned);
	if (error == -ENOENT && place->directory != AT_FDCWD)
		return name_textually(-1, place->path, EBADF, target);
	if (error != 0)
		return error;
	error = open_parent(caller, base, &above, target);
	if (error != 0)
		return error;
	if (target->state == TARGET_EXISTS && S_ISDIR(target->mode))
		return name_entry(&split, entry);
	error = target->state == TARGET_EXISTS ? ENOTDIR : target->error;
	return name_textually(base, place->path, error ? error : ENOENT, target);
}

int resolve_fd(const struct caller *caller, int fd, struct target *target)
{
	int directory = open_directory(caller, fd);

	target_close(target);
	if (directory == -ENOENT)
		return name_textually(-1, "", EBADF, target);
	return directory < 0 ? directory : name_existing(directory, target);
}
