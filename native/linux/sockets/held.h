/*
 * Sockets of the box where the kernel, or a container around it, lets nobody take a descriptor out
 * of another process: the broker makes each of them, gives it to the caller, and keeps a duplicate
 * as long as there is something to be done on it that has to be judged.
 */
#ifndef AE_HELD_H
#define AE_HELD_H

#include "../judge/request.h"

/* Once, before any call is answered. 0 or -errno. */
int held_start(void);
/* The answer to socket(): the filter has looked at what is asked for. */
int held_make(struct request *request);
/*
 * A duplicate of the caller's socket `fd`, or -errno: -EISCONN for one that is connected by now,
 * -EALREADY for one that listens, -EACCES for one that was not made here.
 */
int held_take(const struct caller *caller, int fd);
/* After a deed on `socket`: one that is connected or listens is the caller's alone from then on. */
void held_settle(int socket);
/* Gives up what no process has any more. */
void held_forget(void);

#endif
