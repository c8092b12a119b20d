/*
 * Descriptors: ownership, whole reads and whole writes. The only place that loops on EINTR.
 * Functions return 0 or a size, or -errno.
 */
#ifndef AE_FD_H
#define AE_FD_H

#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>

/* Closes the descriptor when the variable goes out of scope; -1 is "none". */
#define ae_auto_fd __attribute__((cleanup(fd_close_at)))
#define ae_auto_free __attribute__((cleanup(fd_free_at)))

void fd_close_at(int *fd);

static inline void fd_free_at(void *pointer)
{
	free(*(void **)pointer);
}

/* Takes the descriptor out of an ae_auto_fd variable. */
static inline int fd_steal(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Reads to end of file. -E2BIG beyond `max` bytes. The caller frees *data. */
int fd_read_all(int fd, size_t max, unsigned char **data, size_t *size);
/* Reads up to `size` bytes once; 0 is end of file. */
ssize_t fd_read(int fd, void *data, size_t size);
/* Writes all of it, waiting when a non-blocking descriptor is full. */
int fd_write_all(int fd, const void *data, size_t size);
/* Writes a short text to a file that exists (procfs, sysfs): one write or an error. */
int fd_write_file(const char *path, const char *text);

#endif
