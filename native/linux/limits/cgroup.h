/* The cgroup (version 2) a command is born in. aegis made it and wrote its bounds. */
#ifndef AE_CGROUP_H
#define AE_CGROUP_H

#include <stdint.h>
#include <sys/types.h>

/* Descriptors; -1 where the controller is not there. */
struct cgroup {
	int directory;
	int memory_events;
	int processes_events;
	int cpu_stat;
	/* Where a process that could not be born in it enters. */
	int processes;
};

#define CGROUP_NONE ((struct cgroup){-1, -1, -1, -1, -1})

struct cgroup_counts {
	uint64_t memory_kills;
	uint64_t processes_refused;
	uint64_t cpu_us;
};

/* 0 or -errno. */
int cgroup_open(struct cgroup *cgroup, const char *path);
/* What has happened in it so far; zeros without one. */
struct cgroup_counts cgroup_read(const struct cgroup *cgroup);
/* As fork, with the child in the cgroup before anything of it can be confined; -1 and errno. */
pid_t cgroup_fork(const struct cgroup *cgroup);

#endif
