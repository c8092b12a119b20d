/*
 * Calls the broker performs that may wait for somebody else: a connection, a FIFO's other end. Each
 * has a thread of its own, so that nobody else's call stands still meanwhile.
 */
#ifndef AE_JOBS_H
#define AE_JOBS_H

#include <sys/socket.h>

#include "../judge/caller.h"

/* The caller is gone, or makes its call again; what performs a job has answered by itself. */
enum { JOB_UNANSWERED = 1, JOB_ANSWERED = 1 << 30 };

struct job {
	struct caller caller;
	/* When set, it does the job and gives the result or a negative errno; the context is its
	 * own, and freed afterwards. The rest is not looked at, but for `fd` and `held`. */
	int (*perform)(struct job *job);
	/* What it gives, which it may say itself, is a descriptor for the caller, not the call's
	 * own result. */
	bool hands_over;
	/* When set, called last, with 0, the negative errno answered, or JOB_UNANSWERED. */
	void (*end)(const struct job *job, int result);
	void *context;
	/* Of what a caller wants to send, kept in memory meanwhile; all jobs together have a bound.
	 */
	size_t kept_size;
	/* Owned: the object to open, or the socket to connect. */
	int fd;
	/* Reopens `fd` with these flags, when there is no address. */
	int open_flags;
	bool close_on_exec;
	/* Owned, -1 for none: keeps the object alive that the address leads to. */
	int held;
	/* 0: this is an open. */
	socklen_t address_size;
	struct sockaddr_storage address;
};

/* Takes over the job's descriptors and context and answers the caller some time. 0, or the errno to
 * answer now: ENOBUFS where too much is kept already. */
int jobs_start(const struct job *job);

#endif
