/* Where the sockets of a box are, as /proc tells. */
#ifndef AE_HELD_PLACES_H
#define AE_HELD_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PLACES_MAX = 512, HELD_HIGH = 512, HELD_HIGH_END = 1024 };

/* Those looked for, and the use they were found at: one used since then is somebody's. */
struct look {
	size_t count;
	struct {
		uint64_t inode;
		uint64_t used;
		pid_t tid;
		int number;
		bool is_found;
	} sockets[PLACES_MAX];
};

/* /proc/TID/fd, opened; or -1. */
int held_numbers(pid_t tid);
/*
 * A number from HELD_HIGH on that nothing of `tid` has, and that no call gives by itself as long as
 * a lower one is free; -1: there is none.
 */
int held_high_number(pid_t tid);
/* The inode of the socket that entry `name` of an open /proc/PID/fd is; 0: it is none. */
uint64_t held_inode(int directory, const char *name);
/* Looks into every process but this one. False when /proc cannot be read: then nothing is known to
 * be gone. */
bool held_look(struct look *look);

#endif
