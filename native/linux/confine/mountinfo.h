/* What /proc/self/mountinfo says is mounted, in the mount namespace of who asks. */
#ifndef AE_MOUNTINFO_H
#define AE_MOUNTINFO_H

#include <stdbool.h>
#include <sys/types.h>

struct mountinfo {
	const char *path;
	const char *type;
	dev_t device;
	/* The file system, whatever the mount says. */
	bool is_read_only;
};

/* Visits every mount. False when they cannot be read. */
bool mountinfo_each(void (*visit)(void *context, const struct mountinfo *mount), void *context);

#endif
