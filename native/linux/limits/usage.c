/*
 * The tree is walked from parents to children, so that the cost depends on the box and not on the
 * machine. A process that comes or goes meanwhile is seen at the next look. A bomb must not make
 * the walk long: it ends as soon as there is more than the bound allows.
 */
#include "usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../common/fd.h"

enum { WALK_MAX = 65536 };

struct walk {
	pid_t *pids;
	size_t count;
	size_t capacity;
	const struct usage_bounds *bounds;
	struct usage *usage;
	/* Each sum's largest part so far. */
	uint64_t most_memory;
	uint64_t most_cpu;
};

struct process_stat {
	uint64_t threads;
	uint64_t cpu_ticks;
	uint64_t waited_ticks;
	uint64_t resident_pages;
};

/* Size of what was read, terminated; 0 when there is nothing. */
static size_t read_text(const char *path, char *text, size_t size)
{
	ae_auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : fd_read(fd, text, size - 1);

	text[got > 0 ? got : 0] = 0;
	return got > 0 ? (size_t)got : 0;
}

static bool read_stat(pid_t pid, struct process_stat *stat)
{
	char path[48];
	char text[1024];
	unsigned long long user, system, waited_user, waited_system, threads;
	long long resident;
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_text(path, text, sizeof(text)))
		return false;
	/* The name in the second field may hold anything, so the last `)` counts. */
	end = strrchr(text, ')');
	if (!end || sscanf(end,
			   ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu "
			   "%*d %*d %llu %*d %*u %*u %lld",
			   &user, &system, &waited_user, &waited_system, &threads, &resident) != 6)
		return false;
	*stat = (struct process_stat){threads, user + system, waited_user + waited_system,
				      resident > 0 ? (uint64_t)resident : 0};
	return true;
}

static bool push(struct walk *walk, pid_t pid)
{
	if (walk->count == WALK_MAX)
		return false;
	if (walk->count == walk->capacity) {
		size_t larger = walk->capacity ? walk->capacity * 2 : 64;
		pid_t *moved = realloc(walk->pids, larger * sizeof(*moved));

		if (!moved)
			return false;
		walk->pids = moved;
		walk->capacity = larger;
	}
	walk->pids[walk->count++] = pid;
	return true;
}

/* Children belong to the thread that made them. */
static void push_children(struct walk *walk, pid_t pid, const char *thread)
{
	char path[64];
	char text[8192];
	ae_auto_fd int fd = -1;
	size_t kept = 0;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((got = fd_read(fd, text + kept, sizeof(text) - 1 - kept)) > 0) {
		char *at = text;
		char *space;

		text[kept + (size_t)got] = 0;
		while ((space = strchr(at, ' ')) != NULL) {
			if (!push(walk, (pid_t)strtol(at, NULL, 10)))
				return;
			at = space + 1;
		}
		kept = strlen(at);
		memmove(text, at, kept);
	}
}

static void push_family(struct walk *walk, pid_t pid, uint64_t threads)
{
	char path[48];
	char own[16];
	DIR *directory;
	const struct dirent *entry;

	snprintf(own, sizeof(own), "%d", (int)pid);
	if (threads <= 1) {
		push_children(walk, pid, own);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	directory = opendir(path);
	if (!directory)
		return;
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] != '.')
			push_children(walk, pid, entry->d_name);
	}
	closedir(directory);
}

/* Open descriptors of a process: the size of the directory since 6.2, else as many as its table has
 * room for, which is the most there can be. */
static uint64_t open_files(pid_t pid, uint64_t bound)
{
	char path[48];
	char text[4096];
	struct stat status;
	const char *line;
	uint64_t room;
	uint64_t count = 0;
	DIR *directory;
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if (stat(path, &status) == 0 && status.st_size > 0)
		return (uint64_t)status.st_size;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!read_text(path, text, sizeof(text)))
		return 0;
	line = strstr(text, "\nFDSize:");
	room = line ? strtoull(line + 8, NULL, 10) : 0;
	if (room < bound)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	if (!directory)
		return 0;
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static void add(struct walk *walk, pid_t pid, const struct process_stat *stat)
{
	struct usage *usage = walk->usage;
	uint64_t memory = stat->resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t cpu = stat->cpu_ticks + stat->waited_ticks;
	uint64_t files = walk->bounds->files ? open_files(pid, walk->bounds->files) : 0;

	usage->processes += stat->threads;
	usage->memory += memory;
	usage->cpu_ms += cpu * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	usage->newest = pid;
	if (memory >= walk->most_memory) {
		walk->most_memory = memory;
		usage->largest = pid;
	}
	if (stat->cpu_ticks >= walk->most_cpu) {
		walk->most_cpu = stat->cpu_ticks;
		usage->busiest = pid;
	}
	if (files >= usage->files) {
		usage->files = files;
		usage->opener = pid;
	}
}

/* Proportional share of what is in memory and not a file: what many processes share counts once.
 * False where the process does not let itself be looked into. */
static bool read_share(pid_t pid, uint64_t *bytes)
{
	static const char *const fields[] = {"\nPss_Anon:", "\nPss_Shmem:", "\nSwapPss:"};
	char path[48];
	char text[4096];

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if (!read_text(path, text, sizeof(text)) || !strstr(text, fields[0]))
		return false;
	*bytes = 0;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const char *line = strstr(text, fields[i]);

		if (line)
			*bytes += strtoull(line + strlen(fields[i]), NULL, 10) * 1024;
	}
	return true;
}

static void look_closely(struct walk *walk)
{
	uint64_t sum = 0;
	uint64_t most = 0;

	for (size_t i = 0; i < walk->count && sum <= walk->bounds->memory; i++) {
		struct process_stat stat;
		uint64_t bytes = 0;

		if (!read_share(walk->pids[i], &bytes) && read_stat(walk->pids[i], &stat))
			bytes = stat.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
		sum += bytes;
		if (bytes >= most) {
			most = bytes;
			walk->usage->largest = walk->pids[i];
		}
	}
	walk->usage->memory = sum;
}

void usage_read(pid_t broker, const struct usage_bounds *bounds, struct usage *usage)
{
	struct walk walk = {.bounds = bounds, .usage = usage};
	struct process_stat stat;

	*usage = (struct usage){0};
	if (!read_stat(broker, &stat))
		return;
	/* What orphans used, which the broker has waited for. */
	usage->cpu_ms = stat.waited_ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	push_family(&walk, broker, stat.threads);
	for (size_t i = 0; i < walk.count; i++) {
		if (!read_stat(walk.pids[i], &stat))
			continue;
		add(&walk, walk.pids[i], &stat);
		if (bounds->processes && usage->processes > bounds->processes)
			break;
		push_family(&walk, walk.pids[i], stat.threads);
	}
	if (bounds->memory && usage->memory > bounds->memory)
		look_closely(&walk);
	free(walk.pids);
}

size_t usage_exe(pid_t pid, char *exe, size_t size)
{
	char path[48];
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	got = readlink(path, exe, size);
	if (got > 0)
		return (size_t)got;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	size = read_text(path, exe, size);
	return size && exe[size - 1] == '\n' ? size - 1 : size;
}

pid_t usage_pid_inside(pid_t pid)
{
	char path[48];
	char text[4096];
	const char *line;
	long inside = pid;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!read_text(path, text, sizeof(text)))
		return pid;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return pid;
	/* One number for each namespace, the innermost last. */
	for (line += 7; *line && *line != '\n';) {
		char *end;
		long number = strtol(line, &end, 10);

		if (end == line)
			break;
		inside = number;
		line = end;
	}
	return (pid_t)inside;
}
