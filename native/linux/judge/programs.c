/*
 * Reading /proc/PID/exe for every access would cost as much as the rest of the answer, so the
 * answer is kept per thread for a few milliseconds: shorter than any wrap of the pid counter, and
 * dropped for everybody when anybody executes.
 */
#include "programs.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../common/limits.h"
#include "frames.h"

enum { CACHE_SIZE = 1024, NAMES_MAX = 4096 };

static const char own_name[] = "aegis-helper";

struct seen {
	pid_t tid;
	uint32_t id;
	uint64_t until_ms;
};

static struct {
	pthread_mutex_t lock;
	struct seen cache[CACHE_SIZE];
	/* Number of a program is its index plus one. */
	char **names;
	uint32_t count;
	uint32_t capacity;
} programs = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t add_name(const char *path, size_t size)
{
	if (programs.count == NAMES_MAX)
		return 0;
	if (programs.count == programs.capacity) {
		uint32_t larger = programs.capacity ? programs.capacity * 2 : 64;
		char **moved = realloc(programs.names, larger * sizeof(*moved));

		if (!moved)
			return 0;
		programs.names = moved;
		programs.capacity = larger;
	}
	programs.names[programs.count] = strdup(path);
	if (!programs.names[programs.count])
		return 0;
	programs.count++;
	frames_add_program(programs.count, path, size);
	return programs.count;
}

/* Backwards: the newest program is the most likely one. */
static uint32_t find_name(const char *path)
{
	for (uint32_t i = programs.count; i-- > 0;) {
		if (strcmp(programs.names[i], path) == 0)
			return i + 1;
	}
	return 0;
}

static bool is_helper(pid_t tid)
{
	char link[32];
	struct stat self;
	struct stat theirs;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)tid);
	return stat(link, &theirs) == 0 && stat("/proc/self/exe", &self) == 0 &&
	       theirs.st_dev == self.st_dev && theirs.st_ino == self.st_ino;
}

static uint32_t look_up(pid_t tid)
{
	char link[32];
	char path[AE_PATH_MAX + 16];
	ssize_t size;
	uint32_t id;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)tid);
	size = readlink(link, path, sizeof(path) - 1);
	if (size < 0)
		return 0;
	path[size] = 0;
	id = find_name(path);
	/* Before its first execve the command still is this helper, whose file may have no name. */
	if (id == 0 && is_helper(tid)) {
		size = sizeof(own_name) - 1;
		memcpy(path, own_name, sizeof(own_name));
		id = find_name(path);
	}
	return id ? id : add_name(path, (size_t)size);
}

uint32_t programs_of(pid_t tid)
{
	uint64_t now = now_ms();
	struct seen *seen = &programs.cache[(unsigned int)tid % CACHE_SIZE];
	uint32_t id;

	pthread_mutex_lock(&programs.lock);
	if (seen->tid != tid || seen->until_ms < now)
		*seen = (struct seen){tid, look_up(tid), now + AE_THREAD_TTL_MS};
	id = seen->id;
	pthread_mutex_unlock(&programs.lock);
	return id;
}

const char *programs_name(uint32_t id)
{
	const char *name = "";

	pthread_mutex_lock(&programs.lock);
	if (id > 0 && id <= programs.count)
		name = programs.names[id - 1];
	pthread_mutex_unlock(&programs.lock);
	return name;
}

void programs_forget(void)
{
	pthread_mutex_lock(&programs.lock);
	memset(programs.cache, 0, sizeof(programs.cache));
	pthread_mutex_unlock(&programs.lock);
}
