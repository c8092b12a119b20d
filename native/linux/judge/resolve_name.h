/* The kernel's names for descriptors, and texts made absolute. Fills targets; 0 or -errno. */
#ifndef AE_RESOLVE_NAME_H
#define AE_RESOLVE_NAME_H

#include "resolve.h"

/* What the kernel puts behind the name of what has lost it. */
#define NAME_DELETED " (deleted)"
#define NAME_DELETED_SIZE (sizeof(NAME_DELETED) - 1)

/* Once, after every mount. -EXDEV: /proc shows another pid namespace. */
int name_init(void);
/* The kernel's name for a descriptor, into path and size alone. */
int name_of(int fd, struct target *target);
/* What `status` says of the target's object. */
void name_describe(struct target *target, const struct stat *status);
/* The object `fd`, which the target then owns. */
int name_existing(int fd, struct target *target);
/* A name that is not, or need not be, in the directory `fd`, which the target then owns. */
int name_missing(int fd, const char *name, size_t size, struct target *target);
/* A look-up that fails: the text made absolute without asking the disk, to have a path to show. */
int name_textually(int base, const char *path, int error, struct target *target);
/* Makes the target, a directory, the entry `name` in it, state MISSING or FAILS. */
void name_append(struct target *target, const char *name, size_t size);
/* Opens what an O_PATH descriptor stands for. A descriptor or -errno. */
int name_reopen(int fd, int flags, mode_t mode);
/* A second name for what an O_PATH descriptor stands for. 0 or -errno. */
int name_link(int fd, int directory, const char *name);
/* True for what lies in our own /proc directory. */
bool name_is_own(const struct target *target);

#endif
