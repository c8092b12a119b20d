/* Whose directory of /proc something lies in: the broker looks with its own eyes, which are not the
 * caller's. */
#ifndef AE_PROC_H
#define AE_PROC_H

#include "resolve.h"

/* Once, after every mount. 0 or -errno. */
int proc_init(void);
/* True when links to descriptors in the /proc directory `fd` may be followed for a caller. */
bool proc_lets_follow(int fd);
/* True when the broker may open this object in the caller's place: no other thing than the caller
 * would get by itself. */
bool proc_lets_open(const struct caller *caller, const struct target *target);

#endif
