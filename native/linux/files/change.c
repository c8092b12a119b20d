/*
 * An O_PATH descriptor names the object, and few calls take one. Those that follow a link get its
 * name under /proc/self/fd, which leads to that object and no other. A symbolic link itself can
 * only be changed by the two calls that take an empty path; no call of an unprivileged program
 * changes more of it.
 */
#include "change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../uapi.h"

static int set_times(const struct timespec *times, int fd, const char *path, mode_t type)
{
	if (S_ISLNK(type))
		return (int)syscall(SYS_utimensat, fd, "", times, AT_EMPTY_PATH);
	return utimensat(AT_FDCWD, path, times, 0);
}

/* As a system call answers. */
static int apply(const struct change *change, const void *value, int fd, mode_t type)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	switch ((enum change_kind)change->kind) {
	case CHANGE_SIZE:
		return truncate(path, change->size);
	case CHANGE_MODE:
		return fchmodat(AT_FDCWD, path, (mode_t)change->mode, 0);
	case CHANGE_OWNER:
		return fchownat(fd, "", change->user, change->group, AT_EMPTY_PATH);
	case CHANGE_TIMES:
		return set_times(change->times, fd, path, type);
	case CHANGE_TIMES_TO_NOW:
		return set_times(NULL, fd, path, type);
	case CHANGE_SET_ATTRIBUTE:
		return setxattr(path, change->name, value, change->value_size, (int)change->flags);
	case CHANGE_REMOVE_ATTRIBUTE:
		return removexattr(path, change->name);
	case CHANGE_KINDS:
		break;
	}
	errno = ENOSYS;
	return -1;
}

/* Attributes that a link could have, but not from a program without privileges. */
static bool is_kept_from_links(const char *name)
{
	static const char *const kinds[] = {"user.", "trusted.", "security."};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t size = strlen(kinds[i]);

		if (!strncmp(name, kinds[i], size))
			return true;
	}
	return false;
}

int change_apply(const struct change *change, const void *value, int fd, mode_t type)
{
	if (S_ISLNK(type)) {
		if (change->kind == CHANGE_MODE)
			return -EOPNOTSUPP;
		if (change->kind == CHANGE_SET_ATTRIBUTE || change->kind == CHANGE_REMOVE_ATTRIBUTE)
			return is_kept_from_links(change->name) ? -EPERM : -EOPNOTSUPP;
	}
	return apply(change, value, fd, type) < 0 ? -errno : 0;
}
