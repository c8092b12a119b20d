/*
 * What the broker needs to perform a call in the caller's place. Once the caller was found to be
 * still waiting, everything read from it before is what it really asked for, and nothing is read
 * again.
 */
#ifndef AE_BROKER_H
#define AE_BROKER_H

#include "../judge/request.h"

/* Once for each thread that performs calls: gives it a umask and a current directory of its own. */
int broker_init_thread(void);
/* Before the deed: 0, or the answer to give instead of performing. */
int broker_confirm(const struct request *request);
/* The same, and this thread's umask becomes the caller's. */
int broker_confirm_umask(const struct request *request);
/* Answers with a descriptor for the caller; the broker's own is closed. The answer to give. */
int broker_give(const struct caller *caller, int fd, bool close_on_exec);
/* The same under a number that is free, or the lowest where the caller may not have that one. */
int broker_give_at(const struct caller *caller, int fd, int number, bool close_on_exec);
/*
 * The same in two steps, and the broker's own is closed before the caller goes on: a pipe must not
 * have one reader or writer more for a moment, whom somebody else then takes for a real one.
 */
int broker_give_alone(const struct caller *caller, int fd, bool close_on_exec);
/* Lets the kernel go on with the call. False when the caller is gone. */
bool broker_continue(const struct caller *caller);
/* Answers with a plain result: a count or a negative errno. False when the caller is gone. */
bool broker_reply(const struct caller *caller, int result);

#endif
