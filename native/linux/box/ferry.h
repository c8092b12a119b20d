/*
 * How the listener gets from the command to the broker where no descriptor can be taken out of
 * another process. The command cannot send it itself: its filter holds already, and nobody answers
 * yet. So a process that shares its descriptors, made before the filter, sends it.
 */
#ifndef AE_FERRY_H
#define AE_FERRY_H

#include <sys/types.h>

struct ferry {
	pid_t process;
	int pipe[2];
};

/* In the command, before its filter. 0 or -errno. */
int ferry_start(struct ferry *ferry, int broker);
/* In the command: has `listener` sent. 0 or -errno. */
int ferry_send(const struct ferry *ferry, int listener);
/* In the broker: the listener, or -errno; -EPIPE when the command has died. */
int ferry_receive(int link);

#endif
