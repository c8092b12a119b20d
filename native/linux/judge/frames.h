/*
 * Frames of the broker, gathered and written in order. Any thread may add; a full pipe makes adders
 * wait, nothing is dropped. After the reader is gone frames_add_* do nothing and
 * frames_reader_gone() says so.
 */
#ifndef AE_FRAMES_H
#define AE_FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "judge.h"

/* In an access frame's flags: the call fails by itself, so nothing was let through. */
#define FRAME_FAILS (1u << 31)

struct access_frame {
	pid_t pid;
	uint32_t program;
	uint32_t flags;
	uint16_t syscall;
	enum action action;
	struct verdict verdict;
	bool has_port;
	/* IPPROTO_TCP, _UDP or _ICMP; 0: none, or not known. */
	uint8_t protocol;
	uint16_t port;
	const char *path;
	size_t path_size;
	/* NULL when the caller gave the same. */
	const char *requested;
	size_t requested_size;
	/* SHA-256 of the program, NULL when there is none to tell. */
	const unsigned char *digest;
};

/* A call the filter has refused, and the arguments that may tell what it was for. */
struct refused_frame {
	pid_t pid;
	uint32_t program;
	uint16_t syscall;
	uint64_t arguments[2];
};

/* Starts the thread that writes what has waited AE_FRAMES_DELAY_MS. 0 or -errno. */
int frames_start(int fd);
void frames_add_program(uint32_t id, const char *path, size_t size);
void frames_add_access(const struct access_frame *access);
void frames_add_refused(const struct refused_frame *refused);
void frames_add_exited(int status, int signal, const struct rusage *usage);
/* Writes what is gathered now. */
void frames_flush(void);
bool frames_reader_gone(void);

#endif
