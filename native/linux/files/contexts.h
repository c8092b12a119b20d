/*
 * The file system contexts of the box's threads: umask and current directory. Only /proc tells
 * them, and asking it takes longer than making a file, or than opening one; so they are kept where
 * the plan says that nobody changes his without this broker hearing of it first.
 */
#ifndef AE_CONTEXTS_H
#define AE_CONTEXTS_H

#include "../judge/caller.h"

/* Once, before threads: whose changes are told. */
void contexts_start(bool umasks, bool folders);
/* This thread keeps what it asks for, until it leaves; others ask every time. */
void contexts_enter(void);
void contexts_leave(void);
/* The umask of a waiting caller, or -errno. */
int contexts_umask(const struct caller *caller);
/*
 * An O_PATH descriptor of a waiting caller's current directory, or -errno. *owned is that too when
 * the caller of this function has to close it; else it is -1, and what is returned stays open until
 * this thread asks for another one.
 */
int contexts_folder(const struct caller *caller, int *owned);
/*
 * The kernel is about to do the caller's umask(2), chdir(2) or fchdir(2), or, `parts`, to make it a
 * thread that shares no context with the others of its process.
 */
void contexts_tell(const struct caller *caller, bool parts);

#endif
