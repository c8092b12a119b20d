/*
 * What a descriptor is called comes from /proc/self/fd: the kernel's own answer, with every link
 * resolved, true at the moment it is asked.
 */
#include "resolve_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/number.h"

static struct {
	/* /proc/self/fd, the names of our descriptors. */
	int names;
	/* "/proc/<our pid>" */
	char own[32];
	size_t own_size;
	dev_t root_device;
} self = {.names = -1};

int name_init(void)
{
	char link[32] = "";
	struct stat root;
	ssize_t size = readlink("/proc/self", link, sizeof(link) - 1);

	if (size < 0)
		return -errno;
	if (strtol(link, NULL, 10) != getpid())
		return -EXDEV;
	if (stat("/", &root) < 0)
		return -errno;
	self.root_device = root.st_dev;
	self.own_size = (size_t)snprintf(self.own, sizeof(self.own), "/proc/%d", (int)getpid());
	self.names = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return self.names < 0 ? -errno : 0;
}

/*
 * A target is used for one call after the other: what was said of the last object must not be taken
 * for what is said of a name that is not there.
 */
static void forget(struct target *target)
{
	target->mode = 0;
	target->device = 0;
	target->inode = 0;
	target->links = 0;
	target->special = 0;
	target->owner = 0;
	target->is_deleted = false;
	target->is_memory = false;
}

int name_of(int fd, struct target *target)
{
	char number[NUMBER_SIZE];
	ssize_t size;

	number_write(number, (unsigned int)fd);
	size = readlinkat(self.names, number, target->path, sizeof(target->path) - 1);
	if (size < 0)
		return -errno;
	target->path[size] = 0;
	target->size = (size_t)size;
	return 0;
}

void name_describe(struct target *target, const struct stat *status)
{
	forget(target);
	target->mode = status->st_mode;
	target->device = status->st_dev;
	target->inode = status->st_ino;
	target->links = status->st_nlink;
	target->special = status->st_rdev;
	target->owner = status->st_uid;
}

/* The kernel marks what has lost its name; a file may be called that, too. */
static void note_deleted(struct target *target)
{
	static const char memory[] = "/memfd:";
	struct stat status;

	if (target->size <= NAME_DELETED_SIZE ||
	    memcmp(target->path + target->size - NAME_DELETED_SIZE, NAME_DELETED,
		   NAME_DELETED_SIZE) != 0)
		return;
	if (lstat(target->path, &status) == 0 && status.st_dev == target->device &&
	    status.st_ino == target->inode)
		return;
	target->is_deleted = true;
	target->is_memory = target->links == 0 && target->device != self.root_device &&
			    !memcmp(target->path, memory, sizeof(memory) - 1);
}

int name_existing(int fd, struct target *target)
{
	struct stat status;
	int error = name_of(fd, target);

	target->fd = fd;
	if (error != 0)
		return error;
	if (fstat(fd, &status) < 0)
		return -errno;
	target->state = target->path[0] == '/' ? TARGET_EXISTS : TARGET_NO_FILE;
	name_describe(target, &status);
	note_deleted(target);
	return 0;
}

/* Appends one component. False, and nothing changed, when the result is no possible path. */
static bool append(struct target *target, const char *name, size_t size)
{
	size_t at = target->size;

	if (at + 1 + size >= AE_PATH_MAX)
		return false;
	if (at > 1)
		target->path[at++] = '/';
	memcpy(target->path + at, name, size);
	target->size = at + size;
	target->path[target->size] = 0;
	return true;
}

void name_append(struct target *target, const char *name, size_t size)
{
	forget(target);
	target->state = TARGET_MISSING;
	target->error = ENOENT;
	if (target->path[0] != '/' || !append(target, name, size)) {
		target->state = TARGET_FAILS;
		target->error = ENAMETOOLONG;
	}
}

int name_missing(int fd, const char *name, size_t size, struct target *target)
{
	int error = name_of(fd, target);

	target->fd = fd;
	if (error == 0)
		name_append(target, name, size);
	return error;
}

int name_reopen(int fd, int flags, mode_t mode)
{
	char number[NUMBER_SIZE];
	int opened;

	number_write(number, (unsigned int)fd);
	opened = openat(self.names, number, flags, mode);
	return opened < 0 ? -errno : opened;
}

int name_link(int fd, int directory, const char *name)
{
	char number[NUMBER_SIZE];

	number_write(number, (unsigned int)fd);
	if (linkat(self.names, number, directory, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

bool name_is_own(const struct target *target)
{
	return target->size >= self.own_size && !memcmp(target->path, self.own, self.own_size) &&
	       (target->path[self.own_size] == '/' || target->path[self.own_size] == 0);
}

static void remove_last(struct target *target)
{
	while (target->size > 1 && target->path[--target->size] != '/')
		;
	target->path[target->size] = 0;
}

int name_textually(int base, const char *path, int error, struct target *target)
{
	target_close(target);
	forget(target);
	target->state = TARGET_FAILS;
	target->error = error;
	target->size = 1;
	memcpy(target->path, "/", 2);
	if (base >= 0) {
		int failure = name_of(base, target);

		if (failure != 0)
			return failure;
	}
	while (*path) {
		size_t size = strcspn(path, "/");

		if (size == 2 && !memcmp(path, "..", 2))
			remove_last(target);
		else if (size > 0 && !(size == 1 && *path == '.') && !append(target, path, size))
			break;
		path += size;
		path += *path == '/';
	}
	return 0;
}

void target_close(struct target *target)
{
	fd_close_at(&target->fd);
}
