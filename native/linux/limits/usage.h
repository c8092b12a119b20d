/* What the processes of a box use, seen from outside through /proc. */
#ifndef AE_USAGE_H
#define AE_USAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Beyond these there is no need to look on; 0: not asked. */
struct usage_bounds {
	uint64_t memory;
	uint64_t processes;
	uint64_t files;
};

struct usage {
	/* Bytes; what processes share is counted for each, unless that would be beyond the bound:
	 * then it is looked at more closely. */
	uint64_t memory;
	/* Threads. */
	uint64_t processes;
	uint64_t cpu_ms;
	/* Of the process with the most open files. */
	uint64_t files;
	/* Processes that account for the most of each, as seen from here. */
	pid_t largest;
	pid_t newest;
	pid_t busiest;
	pid_t opener;
};

/* Everything below `broker`, which itself does not count. */
void usage_read(pid_t broker, const struct usage_bounds *bounds, struct usage *usage);
/* Size of the program's path, not terminated; its name where the path cannot be read. */
size_t usage_exe(pid_t pid, char *exe, size_t size);
/* The pid a process has in its own pid namespace; `pid` when that cannot be told. */
pid_t usage_pid_inside(pid_t pid);

#endif
