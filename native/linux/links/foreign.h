/*
 * Mounts that another machine or process answers for: who looks into one may wait for ever. Other
 * names of a file never lie on another file system than its own.
 */
#ifndef AE_FOREIGN_H
#define AE_FOREIGN_H

#include <stdbool.h>
#include <sys/types.h>

/* `device` has answered: it is looked into from now on. True when it was not before. */
bool foreign_trust(dev_t device);
/* Finds the mounts there are now. */
void foreign_read(void);
/* Whether one of them begins at `path`, and has not answered. */
bool foreign_begins_at(const char *path);
/* Whether `path` lies in one of those. */
bool foreign_holds(const char *path);

#endif
