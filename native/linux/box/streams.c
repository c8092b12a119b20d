/*
 * What was opened outside lies on the mounts outside. Of a folder that means all below it: a name
 * looked up from there meets none of the mounts the box is made of, neither what they cover nor
 * what they keep from being changed. A file is one object, which the judge knows by its name.
 */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/limits.h"

static int open_inside(int fd)
{
	char link[32];
	char name[AE_PATH_MAX];
	int is_path = fcntl(fd, F_GETFL) & O_PATH;
	ssize_t size;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, name, sizeof(name));
	if (size <= 0 || size == sizeof(name))
		return -1;
	name[size] = 0;
	return open(name, is_path | O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int enter(int fd)
{
	ae_auto_fd int inside = -1;
	struct stat status;

	/* A stream that is closed is nothing to look through. */
	if (fstat(fd, &status) < 0 || !S_ISDIR(status.st_mode))
		return 0;
	inside = open_inside(fd);
	if (inside < 0)
		inside = open("/dev/null", O_RDWR | O_CLOEXEC);
	return inside < 0 || dup2(inside, fd) < 0 ? -errno : 0;
}

int streams_enter(void)
{
	int error = 0;

	for (int fd = 0; fd <= 2 && error == 0; fd++)
		error = enter(fd);
	return error;
}
