/*
 * Every descriptor of the helper is close-on-exec and has one owner. Blocking is wanted: the frame
 * pipe is how a slow reader slows the box down, so a full one is waited for and never skipped.
 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void fd_close_at(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

ssize_t fd_read(int fd, void *data, size_t size)
{
	for (;;) {
		ssize_t got = read(fd, data, size);
		struct pollfd wait = {.fd = fd, .events = POLLIN};

		if (got >= 0)
			return got;
		if (errno == EAGAIN)
			poll(&wait, 1, -1);
		else if (errno != EINTR)
			return -errno;
	}
}

int fd_read_all(int fd, size_t max, unsigned char **data, size_t *size)
{
	ae_auto_free unsigned char *buffer = NULL;
	size_t capacity = 0;
	size_t used = 0;

	for (;;) {
		ssize_t got;

		if (used == capacity) {
			size_t larger = capacity ? capacity * 2 : 65536;
			unsigned char *moved = realloc(buffer, larger);

			if (!moved)
				return -ENOMEM;
			buffer = moved;
			capacity = larger;
		}
		got = fd_read(fd, buffer + used, capacity - used);
		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		used += (size_t)got;
		if (used > max)
			return -E2BIG;
	}
	*data = buffer;
	*size = used;
	buffer = NULL;
	return 0;
}

int fd_write_all(int fd, const void *data, size_t size)
{
	const unsigned char *at = data;

	while (size > 0) {
		ssize_t put = write(fd, at, size);
		struct pollfd wait = {.fd = fd, .events = POLLOUT};

		if (put >= 0) {
			at += put;
			size -= (size_t)put;
		} else if (errno == EAGAIN) {
			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int fd_write_file(const char *path, const char *text)
{
	ae_auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t size = strlen(text);
	ssize_t put;

	if (fd < 0)
		return -errno;
	do {
		put = write(fd, text, size);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	return (size_t)put == size ? 0 : -EIO;
}
