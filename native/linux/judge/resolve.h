/*
 * Where a path of the caller leads, in the namespace the broker shares with the box. /proc/self,
 * /proc/thread-self and links to descriptors mean the caller's own.
 */
#ifndef AE_RESOLVE_H
#define AE_RESOLVE_H

#include <sys/stat.h>

#include "../../common/limits.h"
#include "caller.h"

enum target_state {
	TARGET_EXISTS,
	/* The last component is not there, its directory is. */
	TARGET_MISSING,
	/* The look-up fails with `error`; `path` is what the text says. */
	TARGET_FAILS,
	/* No file: a pipe, socket or the like reached through a descriptor link. */
	TARGET_NO_FILE,
};

struct target {
	enum target_state state;
	int error;
	/*
	 * O_PATH descriptor of the object, or when it is missing of the directory it is missing in,
	 * -1 when the look-up fails. Owned: target_close.
	 */
	int fd;
	/* S_IFMT and permission bits, of the link itself when it was not followed. */
	mode_t mode;
	/* Which object it is, when it exists; `special` is the device a device file stands for. */
	dev_t device;
	ino_t inode;
	nlink_t links;
	dev_t special;
	uid_t owner;
	/* `path` ends in " (deleted)": this object has lost the name before that. */
	bool is_deleted;
	/* Memory that never had a name in any directory (memfd and the like). */
	bool is_memory;
	size_t size;
	/* Not bounded by AE_PATH_MAX alone: procfs may add " (deleted)". */
	char path[AE_PATH_MAX + 16];
};

struct place {
	/* The caller's directory descriptor or AT_FDCWD. */
	int directory;
	const char *path;
	/* The last component is not followed when it is a link. */
	bool no_follow;
	/* Only its directory is looked up: it may be called MISSING when it is there. */
	bool is_new;
	/* RESOLVE_* flags of openat2 that the caller asked for. */
	uint64_t resolve;
};

/* A name in a directory, for calls that make, move or remove names. */
struct entry {
	/* The object of that name, a link not followed; MISSING when there is none. `fd` is its
	 * directory. */
	struct target target;
	/* Within target.path; empty for `/`, `.` and `..`, which are no names. */
	const char *name;
	bool has_trailing_slash;
};

/* Once, before threads and after every mount. 0 or -errno; -EXDEV: /proc shows another pid
 * namespace. */
int resolve_init(void);
/* 0 with *target filled, or -errno when the caller cannot be looked into. */
int resolve_place(const struct caller *caller, const struct place *place, struct target *target);
/* The same for the name itself; place->no_follow is implied. */
int resolve_entry(const struct caller *caller, const struct place *place, struct entry *entry);
/* The object a descriptor of the caller stands for; AT_FDCWD is its current directory. */
int resolve_fd(const struct caller *caller, int fd, struct target *target);
void target_close(struct target *target);

#endif
