/*
 * Descendants are found by their parents in /proc, stopped until a look finds no new one, so that
 * nothing forks away in between, and then killed. A process is signalled by a pidfd that was
 * checked after it was opened: a number that was given to a stranger in the meantime is left alone.
 */
#include "descendants.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "../../common/fd.h"
#include "../uapi.h"

enum { STOP_ROUNDS = 64 };

struct process {
	pid_t pid;
	pid_t parent;
	bool is_ours;
};

struct table {
	struct process *rows;
	size_t count;
	size_t capacity;
};

/* The parent of `pid`, 0 when it is gone. The name in the second field may hold anything, so the
 * last `)` counts. */
static pid_t parent_of(pid_t pid)
{
	char path[32];
	char text[512];
	ae_auto_fd int fd = -1;
	const char *end;
	ssize_t size;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = fd_read(fd, text, sizeof(text) - 1);
	if (size <= 0)
		return 0;
	text[size] = 0;
	end = strrchr(text, ')');
	return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

static bool add_row(struct table *table, pid_t pid)
{
	if (table->count == table->capacity) {
		size_t larger = table->capacity ? table->capacity * 2 : 256;
		struct process *moved = realloc(table->rows, larger * sizeof(*moved));

		if (!moved)
			return false;
		table->rows = moved;
		table->capacity = larger;
	}
	table->rows[table->count++] = (struct process){pid, parent_of(pid), false};
	return true;
}

static void read_processes(struct table *table)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;

	table->count = 0;
	if (!directory)
		return;
	while ((entry = readdir(directory)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && !add_row(table, pid))
			break;
	}
	closedir(directory);
}

static bool has_our_parent(const struct table *table, const struct process *process)
{
	if (process->parent == getpid())
		return true;
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].is_ours && table->rows[i].pid == process->parent)
			return true;
	}
	return false;
}

static void mark(struct table *table)
{
	bool has_changed = true;

	while (has_changed) {
		has_changed = false;
		for (size_t i = 0; i < table->count; i++) {
			struct process *process = &table->rows[i];

			if (!process->is_ours && has_our_parent(table, process)) {
				process->is_ours = true;
				has_changed = true;
			}
		}
	}
}

static void send(const struct process *process, int signal)
{
	ae_auto_fd int pidfd = uapi_pidfd_open(process->pid, 0);

	/* ignored: one that is gone, or is no longer ours, needs no signal */
	if (pidfd >= 0 && parent_of(process->pid) == process->parent)
		(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* Signals all descendants; the number of them. */
static size_t signal_all(struct table *table, int signal)
{
	size_t sent = 0;

	read_processes(table);
	mark(table);
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].is_ours) {
			send(&table->rows[i], signal);
			sent++;
		}
	}
	return sent;
}

/* True when there is no child left at all. */
static bool reap(void)
{
	pid_t pid;

	do {
		pid = waitpid(-1, NULL, WNOHANG);
	} while (pid > 0);
	return pid < 0 && errno == ECHILD;
}

void descendants_end(void)
{
	const struct timespec pause = {.tv_nsec = 500000};
	struct table table = {0};
	size_t before = 0;

	for (int round = 0; round < STOP_ROUNDS && !reap(); round++) {
		size_t now = signal_all(&table, SIGSTOP);

		if (now == before)
			break;
		before = now;
	}
	while (!reap()) {
		signal_all(&table, SIGKILL);
		nanosleep(&pause, NULL);
	}
	free(table.rows);
}
