/*
 * The umasks of the box's threads. Only /proc/TID/status tells one, together with fifty other
 * things, and takes longer than making the file; so they are kept where the plan says that nobody
 * changes his without this broker hearing of it first.
 */
#ifndef AE_UMASKS_H
#define AE_UMASKS_H

#include "caller.h"

/* Once, before threads. `are_told`: the calls below are notified. */
void umasks_start(bool are_told);
/* The umask of a waiting caller, or -errno. */
int umasks_of(const struct caller *caller);
/*
 * The kernel is about to do the caller's umask(2), or, `parts`, to make it a thread that shares no
 * umask with the others of its process.
 */
void umasks_tell(const struct caller *caller, bool parts);

#endif
