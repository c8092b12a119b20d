/*
 * A change of an existing object: its size, mode, owner, times or extended attributes. What a call
 * asks for, and doing it to an object that is held, whoever does it.
 */
#ifndef AE_CHANGE_H
#define AE_CHANGE_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* XATTR_NAME_MAX + 1 and XATTR_SIZE_MAX of Linux. */
enum { CHANGE_NAME_ROOM = 256, CHANGE_VALUE_MAX = 65536 };

enum change_kind {
	CHANGE_SIZE,
	CHANGE_MODE,
	CHANGE_OWNER,
	CHANGE_TIMES,
	CHANGE_TIMES_TO_NOW,
	CHANGE_SET_ATTRIBUTE,
	CHANGE_REMOVE_ATTRIBUTE,
	CHANGE_KINDS,
};

struct change {
	uint32_t kind;
	uint32_t mode;
	uid_t user;
	gid_t group;
	int64_t size;
	struct timespec times[2];
	/* Of the attribute, whose value is beside this. */
	char name[CHANGE_NAME_ROOM];
	uint32_t flags;
	uint32_t value_size;
};

/*
 * Does it to the object of the O_PATH descriptor `fd`, which is of `type` (S_IFMT). Needs /proc.
 * 0 or -errno.
 */
int change_apply(const struct change *change, const void *value, int fd, mode_t type);

#endif
