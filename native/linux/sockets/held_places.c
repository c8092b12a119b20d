/* A process that cannot be looked into has no call answered either, so what it holds does not
 * count. */
#include "held_places.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../common/fd.h"

uint64_t held_inode(int directory, const char *name)
{
	static const char prefix[] = "socket:[";
	char text[64];
	ssize_t size = readlinkat(directory, name, text, sizeof(text) - 1);

	if (size < (ssize_t)sizeof(prefix) || memcmp(text, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	text[size] = 0;
	return strtoull(text + sizeof(prefix) - 1, NULL, 10);
}

int held_numbers(pid_t tid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)tid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool is_open(int numbers, int number)
{
	char name[16];
	struct stat status;

	snprintf(name, sizeof(name), "%d", number);
	return fstatat(numbers, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int held_high_number(pid_t tid)
{
	ae_auto_fd int numbers = held_numbers(tid);

	/* So many are open that others come up to here. */
	if (numbers < 0 || is_open(numbers, HELD_HIGH - 1))
		return -1;
	for (int number = HELD_HIGH; number < HELD_HIGH_END; number++) {
		if (!is_open(numbers, number))
			return number;
	}
	return -1;
}

static void look_in_process(struct look *look, pid_t process)
{
	ae_auto_fd int numbers = held_numbers(process);
	DIR *directory = numbers < 0 ? NULL : fdopendir(numbers);
	const struct dirent *entry;

	if (!directory)
		return;
	numbers = -1;
	while ((entry = readdir(directory))) {
		uint64_t inode = held_inode(dirfd(directory), entry->d_name);

		for (size_t i = 0; inode && i < look->count; i++) {
			if (look->sockets[i].inode == inode && !look->sockets[i].is_found) {
				look->sockets[i].is_found = true;
				look->sockets[i].tid = process;
				look->sockets[i].number = atoi(entry->d_name);
			}
		}
	}
	closedir(directory);
}

bool held_look(struct look *look)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;

	if (!directory)
		return false;
	while ((entry = readdir(directory))) {
		pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);

		if (process > 0 && process != getpid())
			look_in_process(look, process);
	}
	closedir(directory);
	return true;
}
