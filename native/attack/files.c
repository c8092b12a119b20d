/* Files by name and by descriptor: opening, listing, looking, making, changing, removing. */
#include "attack.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Of Linux 6.13 and 6.17; the same numbers everywhere. */
#define NR_setxattrat 463
#define NR_file_setattr 469

static int try_read(char **a)
{
	return attack_read_fd(open(a[0], O_RDONLY | O_NONBLOCK));
}
static int try_read_openat2(char **a)
{
	struct open_how how = {.flags = O_RDONLY};

	return attack_read_fd((int)syscall(SYS_openat2, AT_FDCWD, a[0], &how, sizeof(how)));
}
static int try_read_opath(char **a)
{
	char again[64];
	int fd = open(a[0], O_PATH);
	int error;

	if (fd < 0)
		return errno;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	error = attack_read_fd(open(again, O_RDONLY));
	close(fd);
	return error;
}
/* FOLDER NAME */
static int try_read_chdir(char **a)
{
	return chdir(a[0]) < 0 ? errno : attack_read_fd(open(a[1], O_RDONLY));
}
static int try_read_fchdir(char **a)
{
	int fd = open(a[0], O_PATH | O_DIRECTORY);

	return fd < 0 || fchdir(fd) < 0 ? errno : attack_read_fd(open(a[1], O_RDONLY));
}
static int try_read_dirfd(char **a)
{
	int fd = open(a[0], O_PATH | O_DIRECTORY);

	return fd < 0 ? errno : attack_read_fd(openat(fd, a[1], O_RDONLY));
}
/* The descriptor of number A that the starter left open, and a name below it. */
static int try_read_inherited_folder(char **a)
{
	return attack_read_fd(openat(atoi(a[0]), a[1], O_RDONLY));
}
static int try_write_inherited(char **a)
{
	return attack_errno(write(atoi(a[0]), "x", 1));
}
static int try_write(char **a)
{
	return attack_write_fd(open(a[0], O_WRONLY | O_APPEND | O_NONBLOCK));
}
static int try_write_through_read(char **a)
{
	char again[64];
	int fd = open(a[0], O_RDONLY);
	int error;

	if (fd < 0)
		return errno;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	error = attack_write_fd(open(again, O_WRONLY));
	close(fd);
	return error;
}
static int try_open(char **a)
{
	return attack_opened(open(a[0], O_RDONLY | O_NONBLOCK | O_NOCTTY));
}
static int try_open_write(char **a)
{
	return attack_opened(open(a[0], O_WRONLY | O_NONBLOCK | O_NOCTTY));
}
static int try_create(char **a)
{
	return attack_write_fd(open(a[0], O_WRONLY | O_CREAT | O_EXCL, 0600));
}
static int try_creat(char **a)
{
	return attack_write_fd(creat(a[0], 0600));
}
static int try_create_openat2(char **a)
{
	struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = 0600};

	return attack_write_fd((int)syscall(SYS_openat2, AT_FDCWD, a[0], &how, sizeof(how)));
}
/* FOLDER NAME: an unnamed file that is given its name afterwards */
static int try_tmpfile(char **a)
{
	char path[4096];
	char from[64];
	int fd = open(a[0], O_WRONLY | O_TMPFILE, 0600);

	if (fd < 0)
		return errno;
	snprintf(path, sizeof(path), "%s/%s", a[0], a[1]);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return attack_errno(linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW));
}
static int try_truncate(char **a)
{
	return attack_errno(truncate(a[0], 0));
}
static int try_open_truncate(char **a)
{
	return attack_opened(open(a[0], O_RDONLY | O_TRUNC));
}
static int try_list(char **a)
{
	DIR *folder = opendir(a[0]);
	int count = 0;

	if (!folder)
		return errno;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count > 2 ? 0 : ENOENT;
}
static int try_stat(char **a)
{
	struct stat status;

	return attack_errno(lstat(a[0], &status));
}
static int try_list_xattr(char **a)
{
	return attack_errno(listxattr(a[0], NULL, 0));
}
static int try_access(char **a)
{
	return attack_errno(access(a[0], F_OK));
}
static int try_readlink(char **a)
{
	char target[4096];

	return attack_errno(readlink(a[0], target, sizeof(target)));
}
static int try_watch(char **a)
{
	int fd = inotify_init1(IN_CLOEXEC);
	int error = fd < 0 ? errno : attack_errno(inotify_add_watch(fd, a[0], IN_ALL_EVENTS));

	if (fd >= 0)
		close(fd);
	return error;
}
static int try_mkdir(char **a)
{
	return attack_errno(mkdir(a[0], 0700));
}
static int try_rmdir(char **a)
{
	return attack_errno(rmdir(a[0]));
}
static int try_unlink(char **a)
{
	return attack_errno(unlink(a[0]));
}
static int try_fifo(char **a)
{
	return attack_errno(mkfifo(a[0], 0600));
}
static int try_character_device(char **a)
{
	return attack_errno(mknod(a[0], S_IFCHR | 0600, 0x103));
}
static int try_block_device(char **a)
{
	return attack_errno(mknod(a[0], S_IFBLK | 0600, 0x700));
}
static int try_socket_node(char **a)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", a[0]);
	return fd < 0 ? errno : attack_errno(bind(fd, (struct sockaddr *)&un, sizeof(un)));
}
static int try_chmod(char **a)
{
	return attack_errno(chmod(a[0], 0640));
}
static int try_fchmodat2(char **a)
{
	return attack_errno(syscall(452, AT_FDCWD, a[0], 0640, AT_SYMLINK_NOFOLLOW));
}
static int try_chown(char **a)
{
	return attack_errno(lchown(a[0], getuid(), getgid()));
}
static int try_utime(char **a)
{
	return attack_errno(utimes(a[0], NULL));
}
static int try_xattr(char **a)
{
	return attack_errno(setxattr(a[0], "user.aegis", "1", 1, 0));
}
static int try_lxattr(char **a)
{
	return attack_errno(lsetxattr(a[0], "user.aegis", "1", 1, 0));
}
static int try_remove_xattr(char **a)
{
	int error = attack_errno(removexattr(a[0], "user.aegis"));

	return error == ENODATA ? 0 : error;
}
static int try_xattr_at(char **a)
{
	struct {
		uint64_t value;
		uint32_t size;
		uint32_t flags;
	} arguments = {(uint64_t)(uintptr_t) "1", 1, 0};

	return attack_errno(syscall(NR_setxattrat, AT_FDCWD, a[0], 0, "user.aegis", &arguments,
				    sizeof(arguments)));
}
static int try_setattr(char **a)
{
	/* As struct fsxattr without padding: "not to be dumped". */
	struct {
		uint64_t flags;
		uint32_t extent, extents, project, cow;
	} attributes = {.flags = 0x80};

	return attack_errno(
		syscall(NR_file_setattr, AT_FDCWD, a[0], &attributes, sizeof(attributes), 0));
}

/* Through a descriptor that was only opened for reading. */
static int with_reader(const char *path, int (*act)(int))
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	int error;

	if (fd < 0)
		return errno;
	error = act(fd);
	close(fd);
	return error;
}
static int act_chmod(int fd)
{
	return attack_errno(fchmod(fd, 0644));
}
static int act_chown(int fd)
{
	return attack_errno(fchown(fd, getuid(), getgid()));
}
static int act_utime(int fd)
{
	return attack_errno(futimens(fd, NULL));
}
static int act_xattr(int fd)
{
	return attack_errno(fsetxattr(fd, "user.aegis", "1", 1, 0));
}
static int act_remove_xattr(int fd)
{
	int error = attack_errno(fremovexattr(fd, "user.aegis"));

	return error == ENODATA ? 0 : error;
}
static int act_flags(int fd)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return ABSENT;
	flags ^= FS_NODUMP_FL;
	return attack_errno(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}
static int act_generation(int fd)
{
	int generation = 0;

	if (ioctl(fd, FS_IOC_GETVERSION, &generation) < 0)
		return ABSENT;
	generation++;
	return attack_errno(ioctl(fd, FS_IOC_SETVERSION, &generation));
}
static int try_fd_chmod(char **a)
{
	return with_reader(a[0], act_chmod);
}
static int try_fd_chown(char **a)
{
	return with_reader(a[0], act_chown);
}
static int try_fd_utime(char **a)
{
	return with_reader(a[0], act_utime);
}
static int try_fd_xattr(char **a)
{
	return with_reader(a[0], act_xattr);
}
static int try_fd_remove_xattr(char **a)
{
	return with_reader(a[0], act_remove_xattr);
}
static int try_fd_flags(char **a)
{
	return with_reader(a[0], act_flags);
}
static int try_fd_generation(char **a)
{
	return with_reader(a[0], act_generation);
}

const struct attack attack_files[] = {
	{"read", 1, try_read},
	{"read-openat2", 1, try_read_openat2},
	{"read-opath", 1, try_read_opath},
	{"read-chdir", 2, try_read_chdir},
	{"read-fchdir", 2, try_read_fchdir},
	{"read-dirfd", 2, try_read_dirfd},
	{"read-inherited-folder", 2, try_read_inherited_folder},
	{"write-inherited", 1, try_write_inherited},
	{"write", 1, try_write},
	{"write-through-read", 1, try_write_through_read},
	{"open", 1, try_open},
	{"open-write", 1, try_open_write},
	{"create", 1, try_create},
	{"creat", 1, try_creat},
	{"create-openat2", 1, try_create_openat2},
	{"tmpfile", 2, try_tmpfile},
	{"truncate", 1, try_truncate},
	{"open-truncate", 1, try_open_truncate},
	{"list", 1, try_list},
	{"stat", 1, try_stat},
	{"list-xattr", 1, try_list_xattr},
	{"access", 1, try_access},
	{"readlink", 1, try_readlink},
	{"watch", 1, try_watch},
	{"mkdir", 1, try_mkdir},
	{"rmdir", 1, try_rmdir},
	{"unlink", 1, try_unlink},
	{"fifo", 1, try_fifo},
	{"character-device", 1, try_character_device},
	{"block-device", 1, try_block_device},
	{"socket-node", 1, try_socket_node},
	{"chmod", 1, try_chmod},
	{"fchmodat2", 1, try_fchmodat2},
	{"chown", 1, try_chown},
	{"utime", 1, try_utime},
	{"xattr", 1, try_xattr},
	{"lxattr", 1, try_lxattr},
	{"remove-xattr", 1, try_remove_xattr},
	{"xattr-at", 1, try_xattr_at},
	{"setattr", 1, try_setattr},
	{"fd-chmod", 1, try_fd_chmod},
	{"fd-chown", 1, try_fd_chown},
	{"fd-utime", 1, try_fd_utime},
	{"fd-xattr", 1, try_fd_xattr},
	{"fd-remove-xattr", 1, try_fd_remove_xattr},
	{"fd-flags", 1, try_fd_flags},
	{"fd-generation", 1, try_fd_generation},
	{NULL, 0, NULL},
};
