/* The same object under another name: links, renames, /proc, handles, and names that must not be.
 */
#include "attack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int read_path(const char *path)
{
	return attack_read_fd(open(path, O_RDONLY | O_NONBLOCK));
}
static int write_path(const char *path)
{
	return attack_write_fd(open(path, O_WRONLY | O_APPEND | O_NONBLOCK));
}
static int make(const char *path)
{
	return attack_write_fd(open(path, O_WRONLY | O_CREAT, 0600));
}

/* TARGET NAME */
static int try_symlink(char **a)
{
	return attack_errno(symlink(a[0], a[1]));
}
static int try_symlink_read(char **a)
{
	return symlink(a[0], a[1]) < 0 ? errno : read_path(a[1]);
}
static int try_symlink_write(char **a)
{
	return symlink(a[0], a[1]) < 0 ? errno : make(a[1]);
}
/* TARGET FOLDER: three links and a linked parent between the name and the target */
static int try_symlink_chain(char **a)
{
	char name[4096];

	if (mkdir(a[1], 0700) < 0 || chdir(a[1]) < 0 || symlink(a[0], "d") < 0 ||
	    symlink("d", "c") < 0 || symlink("c", "b") < 0 || symlink(a[1], "again") < 0)
		return errno;
	snprintf(name, sizeof(name), "%s/again/b", a[1]);
	return read_path(name);
}
/* FOLDER NAME LINK: the link leads to the folder, the file is read below it */
static int try_symlink_folder(char **a)
{
	char name[4096];

	if (symlink(a[0], a[2]) < 0)
		return errno;
	snprintf(name, sizeof(name), "%s/%s", a[2], a[1]);
	return read_path(name);
}
/* FILE NAME */
static int try_link_read(char **a)
{
	return link(a[0], a[1]) < 0 ? errno : read_path(a[1]);
}
static int try_link_write(char **a)
{
	return link(a[0], a[1]) < 0 ? errno : write_path(a[1]);
}
static int try_link_opath(char **a)
{
	char from[64];
	int fd = open(a[0], O_PATH);

	if (fd < 0)
		return errno;
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, from, AT_FDCWD, a[1], AT_SYMLINK_FOLLOW) < 0)
		return errno;
	return read_path(a[1]);
}
static int try_rename(char **a)
{
	return attack_errno(rename(a[0], a[1]));
}
static int try_rename_read(char **a)
{
	return rename(a[0], a[1]) < 0 ? errno : read_path(a[1]);
}
static int rename_with(char **a, unsigned flags)
{
	return attack_errno(syscall(SYS_renameat2, AT_FDCWD, a[0], AT_FDCWD, a[1], flags));
}
static int try_exchange(char **a)
{
	return rename_with(a, 2);
}
static int try_exchange_read(char **a)
{
	int error = rename_with(a, 2);

	return error ? error : read_path(a[0]);
}
static int try_whiteout(char **a)
{
	return rename_with(a, 4);
}
/* FOLDER ASIDE NAME: moves a folder aside, makes or changes a file in it, and moves it back */
static int try_rename_parent(char **a)
{
	char name[4096];
	int error;

	if (rename(a[0], a[1]) < 0)
		return errno;
	snprintf(name, sizeof(name), "%s/%s", a[1], a[2]);
	error = make(name);
	if (rename(a[1], a[0]) < 0)
		return errno;
	return error;
}
/* FOLDER ASIDE NAME: reads below the folder under its other name */
static int try_rename_parent_read(char **a)
{
	char name[4096];
	int error;

	if (rename(a[0], a[1]) < 0)
		return errno;
	snprintf(name, sizeof(name), "%s/%s", a[1], a[2]);
	error = read_path(name);
	rename(a[1], a[0]);
	return error;
}
/* FOLDER ASIDE NAME: another folder of the same name takes its place */
static int try_replace_folder(char **a)
{
	char name[4096];

	if (rename(a[0], a[1]) < 0 || mkdir(a[0], 0700) < 0)
		return errno;
	snprintf(name, sizeof(name), "%s/%s", a[0], a[2]);
	return make(name);
}
/* DRAFT NAME: made under an innocent name, then moved, linked or exchanged into place */
static int try_move_in(char **a)
{
	int error = make(a[0]);

	return error ? error : attack_errno(rename(a[0], a[1]));
}
static int try_link_in(char **a)
{
	int error = make(a[0]);

	return error ? error : attack_errno(link(a[0], a[1]));
}
/* DRAFT FOLDER NAME: a folder that holds the file already is moved into place */
static int try_move_folder_in(char **a)
{
	char name[4096];
	int error;

	if (mkdir(a[0], 0700) < 0)
		return errno;
	snprintf(name, sizeof(name), "%s/%s", a[0], a[2]);
	error = make(name);
	return error ? error : attack_errno(rename(a[0], a[1]));
}
/* FOLDER NAME: the folder as well, when it is not there */
static int try_plant(char **a)
{
	char name[4096];

	if (mkdir(a[0], 0700) < 0 && errno != EEXIST)
		return errno;
	snprintf(name, sizeof(name), "%s/%s", a[0], a[1]);
	return make(name);
}
/* PATH: through the root folder of this process, of pid 1 and of PID */
static int try_own_root(char **a)
{
	char name[4096];

	snprintf(name, sizeof(name), "/proc/self/root%s", a[0]);
	return read_path(name);
}
static int try_thread_root(char **a)
{
	char name[4096];

	snprintf(name, sizeof(name), "/proc/thread-self/root%s", a[0]);
	return read_path(name);
}
/* PID PATH: also upwards from its working folder */
static int try_other_root(char **a)
{
	char name[4096];
	int error;

	snprintf(name, sizeof(name), "/proc/%s/root%s", a[0], a[1]);
	error = read_path(name);
	if (error == 0)
		return 0;
	snprintf(name, sizeof(name), "/proc/%s/cwd/../../../../../../..%s", a[0], a[1]);
	return read_path(name) == 0 ? 0 : error;
}
/* PID NAME: a file of another process */
static int try_proc_read(char **a)
{
	char name[4096];

	snprintf(name, sizeof(name), "/proc/%s/%s", a[0], a[1]);
	return read_path(name);
}
static int try_proc_write(char **a)
{
	char name[4096];

	snprintf(name, sizeof(name), "/proc/%s/%s", a[0], a[1]);
	return attack_opened(open(name, O_WRONLY));
}
static int try_proc_link(char **a)
{
	char name[4096];
	char target[4096];

	snprintf(name, sizeof(name), "/proc/%s/%s", a[0], a[1]);
	return attack_errno(readlink(name, target, sizeof(target)));
}
/* NUMBER: a descriptor through /dev/fd */
static int try_dev_fd(char **a)
{
	char name[64];

	snprintf(name, sizeof(name), "/dev/fd/%s", a[0]);
	return attack_opened(open(name, O_RDONLY | O_NONBLOCK));
}
static int try_handle(char **a)
{
	struct {
		unsigned bytes;
		int type;
		unsigned char handle[128];
	} handle = {.bytes = sizeof(handle.handle)};
	int mount;

	return attack_errno(syscall(SYS_name_to_handle_at, AT_FDCWD, a[0], &handle, &mount, 0));
}
static int try_handle_open(char **a)
{
	struct {
		unsigned bytes;
		int type;
		unsigned char handle[128];
	} handle = {.bytes = sizeof(handle.handle)};
	int mount;
	int folder = open("/", O_RDONLY | O_DIRECTORY);

	if (folder < 0 || syscall(SYS_name_to_handle_at, AT_FDCWD, a[0], &handle, &mount, 0) < 0)
		return errno;
	return attack_read_fd((int)syscall(SYS_open_by_handle_at, folder, &handle, O_RDONLY));
}

const struct attack attack_links[] = {
	{"symlink", 2, try_symlink},
	{"symlink-read", 2, try_symlink_read},
	{"symlink-write", 2, try_symlink_write},
	{"symlink-chain", 2, try_symlink_chain},
	{"symlink-folder", 3, try_symlink_folder},
	{"link-read", 2, try_link_read},
	{"link-write", 2, try_link_write},
	{"link-opath", 2, try_link_opath},
	{"rename", 2, try_rename},
	{"rename-read", 2, try_rename_read},
	{"exchange", 2, try_exchange},
	{"exchange-read", 2, try_exchange_read},
	{"whiteout", 2, try_whiteout},
	{"rename-parent", 3, try_rename_parent},
	{"rename-parent-read", 3, try_rename_parent_read},
	{"replace-folder", 3, try_replace_folder},
	{"move-in", 2, try_move_in},
	{"link-in", 2, try_link_in},
	{"move-folder-in", 3, try_move_folder_in},
	{"plant", 2, try_plant},
	{"own-root", 1, try_own_root},
	{"thread-root", 1, try_thread_root},
	{"other-root", 2, try_other_root},
	{"proc-read", 2, try_proc_read},
	{"proc-write", 2, try_proc_write},
	{"proc-link", 2, try_proc_link},
	{"dev-fd", 1, try_dev_fd},
	{"handle", 1, try_handle},
	{"handle-open", 1, try_handle_open},
	{NULL, 0, NULL},
};
