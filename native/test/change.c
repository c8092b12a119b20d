/*
 * Changes what exists, by each call there is: `change HOW PATH` says `ok` or the name of an errno,
 * `change state PATH` what has become of it. The kernel tests of the helper run it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

static int say(long result)
{
	if (result < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		puts("ok");
	return 0;
}

/* One call of each family that changes what exists, with values that show */
static int change(const char *how, const char *path)
{
	const struct timespec times[2] = {{1000, 5}, {2000, 7000}};
	const struct timeval old_times[2] = {{1000, 0}, {2000, 7}};
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	struct {
		uint64_t value;
		uint32_t size;
		uint32_t flags;
	} packed = {(uintptr_t) "v", 1, 0};

	if (!strcmp(how, "truncate"))
		return say(truncate(path, 3));
	if (!strcmp(how, "chmod"))
		return say(chmod(path, 0601));
	if (!strcmp(how, "fchmodat2"))
		return say(syscall(452, AT_FDCWD, path, 0601, AT_SYMLINK_NOFOLLOW));
	if (!strcmp(how, "fchmod"))
		return say(fchmod(fd, 0601));
	if (!strcmp(how, "chown"))
		return say(chown(path, getuid(), getgid()));
	if (!strcmp(how, "lchown"))
		return say(lchown(path, getuid(), getgid()));
	if (!strcmp(how, "fchown"))
		return say(fchown(fd, getuid(), getgid()));
	if (!strcmp(how, "fchownat"))
		return say(fchownat(fd, "", getuid(), getgid(), AT_EMPTY_PATH));
	if (!strcmp(how, "utimensat"))
		return say(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
	if (!strcmp(how, "futimens"))
		return say(futimens(fd, times));
	if (!strcmp(how, "utimes"))
		return say(syscall(SYS_futimesat, AT_FDCWD, path, old_times));
	if (!strcmp(how, "now"))
		return say(utimensat(AT_FDCWD, path, NULL, 0));
	if (!strcmp(how, "setxattr"))
		return say(setxattr(path, "user.k", "v", 1, 0));
	if (!strcmp(how, "lsetxattr"))
		return say(lsetxattr(path, "user.k", "v", 1, 0));
	if (!strcmp(how, "fsetxattr"))
		return say(fsetxattr(fd, "user.k", "v", 1, 0));
	if (!strcmp(how, "setxattrat"))
		return say(syscall(463, AT_FDCWD, path, 0, "user.k", &packed, sizeof(packed)));
	if (!strcmp(how, "setxattrat-fd"))
		return say(
			syscall(463, fd, NULL, AT_EMPTY_PATH, "user.k", &packed, sizeof(packed)));
	if (!strcmp(how, "removexattr"))
		return say(removexattr(path, "user.k"));
	if (!strcmp(how, "removexattrat"))
		return say(syscall(466, AT_FDCWD, path, 0, "user.k"));
	return 2;
}

/* What change() changes. */
static int show(const char *path)
{
	struct stat status;
	char value[16] = "";

	if (lstat(path, &status) < 0)
		return say(-1);
	/* ignored: no attribute is an empty value */
	(void)lgetxattr(path, "user.k", value, sizeof(value) - 1);
	printf("%o %ld %ld.%09ld %s\n", status.st_mode & 07777, (long)status.st_size,
	       status.st_mtim.tv_sec < 10000 ? (long)status.st_mtim.tv_sec : 0,
	       status.st_mtim.tv_sec < 10000 ? status.st_mtim.tv_nsec : 0, value);
	return 0;
}

int main(int count, char **arguments)
{
	if (count != 3)
		return 2;
	if (!strcmp(arguments[1], "state"))
		return show(arguments[2]);
	return change(arguments[1], arguments[2]);
}
