/* Files that give whoever runs them, outside, the rights of their owner or group. */
#include "attack.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of Linux 6.6; the same number everywhere. */
#define NR_fchmodat2 452

static int make_open(const char *path, mode_t mode)
{
	return attack_opened(open(path, O_WRONLY | O_CREAT | O_EXCL, mode));
}
static int make_openat2(const char *path, mode_t mode)
{
	struct open_how how = {.flags = O_WRONLY | O_CREAT | O_EXCL, .mode = mode};

	return attack_opened((int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)));
}
static int make_creat(const char *path, mode_t mode)
{
	return attack_opened(creat(path, mode));
}
static int make_node(const char *path, mode_t mode)
{
	return attack_errno(mknod(path, S_IFREG | mode, 0));
}
/* PATH is the name it gets. */
static int make_temporary(const char *path, mode_t mode)
{
	char folder[4096];
	char number[64];
	int fd;
	int error;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = 0;
	fd = open(folder, O_TMPFILE | O_RDWR, mode);
	if (fd < 0)
		return errno;
	snprintf(number, sizeof(number), "/proc/self/fd/%d", fd);
	error = attack_errno(linkat(AT_FDCWD, number, AT_FDCWD, path, AT_SYMLINK_FOLLOW));
	close(fd);
	return error;
}
static int make_folder(const char *path, mode_t mode)
{
	return mkdir(path, 0755) < 0 ? errno : attack_errno(chmod(path, mode));
}
static int change(const char *path, mode_t mode)
{
	int error = make_open(path, 0755);

	return error ? error : attack_errno(chmod(path, mode));
}
static int change_fd(const char *path, mode_t mode)
{
	int fd = open(path, O_RDWR | O_CREAT, 0755);
	int error = fd < 0 ? errno : attack_errno(fchmod(fd, mode));

	close(fd);
	return error;
}
static int change_at(const char *path, mode_t mode)
{
	int error = make_open(path, 0755);

	return error ? error : attack_errno(fchmodat(AT_FDCWD, path, mode, 0));
}
static int change_at2(const char *path, mode_t mode)
{
	int error = make_open(path, 0755);

	return error ? error
		     : attack_errno(
			       syscall(NR_fchmodat2, AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW));
}

static const struct {
	const char *name;
	int (*make)(const char *path, mode_t mode);
} ways[] = {
	{"open", make_open},	   {"openat2", make_openat2},	{"creat", make_creat},
	{"mknod", make_node},	   {"tmpfile", make_temporary}, {"folder", make_folder},
	{"chmod", change},	   {"fchmod", change_fd},	{"fchmodat", change_at},
	{"fchmodat2", change_at2},
};

/* HOW MODE PATH: a new file or folder with these bits */
static int try_set_id(char **a)
{
	mode_t mode = (mode_t)strtoul(a[1], NULL, 8);
	struct stat status;
	int error = EINVAL;

	umask(0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!strcmp(ways[i].name, a[0]))
			error = ways[i].make(a[2], mode);
	}
	if (error != 0)
		return error;
	return stat(a[2], &status) == 0 && (status.st_mode & 07777) == mode ? 0 : EPERM;
}

/* clang-format off */
const struct attack attack_set_id[] = {
	{"set-id", 3, try_set_id},
	{NULL, 0, NULL},
};
