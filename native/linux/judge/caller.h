/*
 * The thread whose call is waiting for an answer. What is read from it is only to be believed while
 * it still waits: ask caller_is_waiting() afterwards, or let a successful answer prove it.
 */
#ifndef AE_CALLER_H
#define AE_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct caller {
	pid_t tid;
	int listener;
	uint64_t id;
};

/* Opens what is below: once, before threads and after every mount. 0 or -errno. */
int caller_init(void);
/* Opens /proc/TID/`file`; a descriptor or -errno. */
int caller_open(const struct caller *caller, const char *file, int flags);
/* What /proc/TID/`file` says now, ended by a NUL. Its length or -errno. */
ssize_t caller_read_file(const struct caller *caller, const char *file, char *text, size_t size);
/* What its program is, freshly looked up. 0 or -errno. */
int caller_program(const struct caller *caller, struct stat *status);
bool caller_is_waiting(const struct caller *caller);
/* Reads exactly `size` bytes of its memory. 0 or -errno. */
int caller_read(const struct caller *caller, uint64_t address, void *data, size_t size);
/* Reads a string with its terminator into `max` bytes. Its length, or -errno; -ENAMETOOLONG when it
 * does not end in time. */
ssize_t caller_read_string(const struct caller *caller, uint64_t address, char *text, size_t max);
/* A duplicate of one of its descriptors, or -errno. */
int caller_take_fd(const struct caller *caller, int fd);
/* The flags one of them was opened with; 0 when that cannot be read. */
int caller_fd_flags(const struct caller *caller, int fd);
/* Its process id, or -errno. */
pid_t caller_process(const struct caller *caller);
/* True when a signal is pending that would interrupt it: handled, or stopping it. */
bool caller_has_signal(const struct caller *caller);
/* Device number of its controlling terminal, 0 when it has none, or -errno. */
int caller_terminal(const struct caller *caller);
/* Its umask, or -errno. */
int caller_umask(const struct caller *caller);

#endif
