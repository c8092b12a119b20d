/* Races about which object a name or a descriptor leads to. */
#include "race.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *swap_folder(void *unused)
{
	(void)unused;
	while (!race.over)
		if (chdir(race.second) < 0 || chdir(race.first) < 0)
			break;
	return NULL;
}
static void *swap_fd(void *unused)
{
	(void)unused;
	while (!race.over) {
		dup2(race.fds[1], race.target);
		dup2(race.fds[0], race.target);
	}
	return NULL;
}
/* A name that is a link to the one and to the other, by renaming over it. */
static void *swap_link(void *unused)
{
	char draft[PATH_SIZE];

	(void)unused;
	snprintf(draft, sizeof(draft), "%s.draft", race.a[2]);
	while (!race.over) {
		if (symlink(race.second, draft) == 0)
			rename(draft, race.a[2]);
		if (symlink(race.first, draft) == 0)
			rename(draft, race.a[2]);
	}
	return NULL;
}
static void *swap_exchange(void *unused)
{
	(void)unused;
	while (!race.over)
		syscall(SYS_renameat2, AT_FDCWD, race.a[3], AT_FDCWD, race.a[4], 2);
	return NULL;
}

static void ask_open(void)
{
	race_count_fd(open(race.argument, O_RDONLY));
}
/* SECONDS ALLOWED SECRET */
static int race_open(char **a)
{
	race_begin(a);
	return race_hammer(race_swap_argument, ask_open);
}
static void ask_relative(void)
{
	race_count_fd(open(race.a[2], O_RDONLY));
}
/* SECONDS FOLDER FORBIDDEN-FOLDER NAME */
static int race_cwd(char **a)
{
	race_begin(a);
	return race_hammer(swap_folder, ask_relative);
}
static void ask_below_fd(void)
{
	race_count_fd(openat(race.target, race.a[2], O_RDONLY));
}
static int race_dirfd(char **a)
{
	race_begin(a);
	race.fds[0] = open(race.first, O_PATH | O_DIRECTORY);
	race.fds[1] = open(race.second, O_PATH | O_DIRECTORY);
	race.target = dup(race.fds[0]);
	if (race.fds[0] < 0 || race.fds[1] < 0)
		return errno;
	return race_hammer(swap_fd, ask_below_fd);
}
static void ask_magic(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", race.target);
	race_count_fd(open(name, O_RDONLY));
}
/* SECONDS ALLOWED SECRET: through /proc/self/fd, whose target changes */
static int race_magic(char **a)
{
	race_begin(a);
	race.fds[0] = open(race.first, O_PATH);
	race.fds[1] = open(race.second, O_PATH);
	race.target = dup(race.fds[0]);
	if (race.fds[0] < 0 || race.fds[1] < 0)
		return errno;
	return race_hammer(swap_fd, ask_magic);
}
/* SECONDS ALLOWED SECRET LINK */
static int race_symlink(char **a)
{
	race_begin(a);
	return race_hammer(swap_link, ask_relative);
}
static void ask_below_name(void)
{
	char name[PATH_SIZE];

	snprintf(name, sizeof(name), "%s/%s", race.a[3], race.a[2]);
	race_count_fd(open(name, O_RDONLY));
}
/* SECONDS FOLDER FORBIDDEN-FOLDER NAME FOLDER LINK: a folder and a link to the other change places
 */
static int race_exchange(char **a)
{
	race_begin(a);
	if (symlink(race.second, race.a[4]) < 0)
		return errno;
	return race_hammer(swap_exchange, ask_below_name);
}
static void ask_create_link(void)
{
	int fd = open(race.a[2], O_WRONLY | O_CREAT, 0600);

	race_count(fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
	race.won += race_is_there(race.second);
	unlink(race.a[2]);
}
/* SECONDS ALLOWED FORBIDDEN LINK: made through the name while it is renamed over */
static int race_rename_over(char **a)
{
	race_begin(a);
	return race_hammer(swap_link, ask_create_link);
}

const struct attack attack_races[] = {
	{"race-open", 3, race_open},
	{"race-cwd", 4, race_cwd},
	{"race-dirfd", 4, race_dirfd},
	{"race-magic", 3, race_magic},
	{"race-symlink", 4, race_symlink},
	{"race-exchange", 6, race_exchange},
	{"race-rename-over", 4, race_rename_over},
	{NULL, 0, NULL},
};
