/*
 * One buffer behind one lock. It is written when it is full enough, when its oldest frame is a few
 * milliseconds old, and when somebody asks. Writing happens under the lock on purpose: whoever adds
 * a frame while the pipe is full waits, and with it the process that made the access, so a slow
 * ledger slows the box down instead of losing rows.
 */
#include "frames.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "../../common/fd.h"
#include "../../common/limits.h"
#include "../../common/sha256.h"
#include "../../common/wire.h"

/* The largest frame: two paths of AE_PATH_MAX, one of them perhaps with " (deleted)" behind it. */
enum { FRAME_MAX = 2 * AE_PATH_MAX + 256, BUFFER_SIZE = AE_FRAMES_FLUSH + FRAME_MAX };

static unsigned char buffer[BUFFER_SIZE];

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	size_t used;
	int fd;
	atomic_bool reader_gone;
} frames = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .fd = -1};

static void write_locked(void)
{
	if (frames.used && !frames.reader_gone && fd_write_all(frames.fd, buffer, frames.used) < 0)
		frames.reader_gone = true;
	frames.used = 0;
}

static unsigned char *begin(enum wire_kind kind)
{
	unsigned char *frame;

	pthread_mutex_lock(&frames.lock);
	frame = buffer + frames.used;
	wire_header(frame, kind);
	return frame;
}

static void commit(unsigned char *frame, size_t size)
{
	bool was_empty = frames.used == 0;

	wire_finish(frame, size);
	frames.used += size;
	if (frames.used >= AE_FRAMES_FLUSH)
		write_locked();
	else if (was_empty)
		pthread_cond_signal(&frames.filled);
	pthread_mutex_unlock(&frames.lock);
}

static void *flush_late(void *unused)
{
	const struct timespec delay = {.tv_nsec = AE_FRAMES_DELAY_MS * 1000000L};

	(void)unused;
	for (;;) {
		pthread_mutex_lock(&frames.lock);
		while (frames.used == 0)
			pthread_cond_wait(&frames.filled, &frames.lock);
		pthread_mutex_unlock(&frames.lock);
		nanosleep(&delay, NULL);
		frames_flush();
	}
	return NULL;
}

int frames_start(int fd)
{
	pthread_t thread;
	int error;

	frames.fd = fd;
	error = pthread_create(&thread, NULL, flush_late, NULL);
	if (error == 0)
		pthread_detach(thread);
	return -error;
}

void frames_add_program(uint32_t id, const char *path, size_t size)
{
	unsigned char *frame = begin(WIRE_PROGRAM);
	size_t at = 8;

	at = wire_u32(frame, at, id);
	at = wire_str(frame, at, path, size);
	commit(frame, at);
}

static uint64_t now_unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void frames_add_access(const struct access_frame *access)
{
	unsigned char *frame = begin(WIRE_ACCESS);
	size_t at = 8;

	at = wire_u64(frame, at, now_unix_ms());
	at = wire_u32(frame, at, (uint32_t)access->pid);
	at = wire_u32(frame, at, access->verdict.rule);
	at = wire_u32(frame, at, access->program);
	at = wire_u32(frame, at, access->flags);
	at = wire_u16(frame, at, access->syscall);
	at = wire_u8(frame, at, (uint8_t)access->action);
	at = wire_u8(frame, at, access->verdict.allowed);
	at = wire_u16(frame, at, access->port);
	at = wire_u8(frame, at, access->has_port);
	at = wire_u8(frame, at, access->protocol);
	at = wire_str(frame, at, access->path, access->path_size);
	at = wire_str(frame, at, access->requested, access->requested ? access->requested_size : 0);
	if (access->digest) {
		memcpy(frame + at, access->digest, SHA256_SIZE);
		at += SHA256_SIZE;
	}
	commit(frame, at);
}

void frames_add_refused(const struct refused_frame *refused)
{
	unsigned char *frame = begin(WIRE_REFUSED);
	size_t at = 8;

	at = wire_u64(frame, at, now_unix_ms());
	at = wire_u32(frame, at, (uint32_t)refused->pid);
	at = wire_u32(frame, at, refused->program);
	at = wire_u16(frame, at, refused->syscall);
	at = wire_u64(frame, at, refused->arguments[0]);
	at = wire_u64(frame, at, refused->arguments[1]);
	commit(frame, at);
}

static uint64_t microseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void frames_add_exited(int status, int signal, const struct rusage *usage)
{
	unsigned char *frame = begin(WIRE_EXITED);
	size_t at = 8;

	at = wire_u32(frame, at, (uint32_t)status);
	at = wire_u32(frame, at, (uint32_t)signal);
	at = wire_u64(frame, at, microseconds(usage->ru_utime));
	at = wire_u64(frame, at, microseconds(usage->ru_stime));
	at = wire_u64(frame, at, (uint64_t)usage->ru_maxrss * 1024);
	commit(frame, at);
}

void frames_flush(void)
{
	pthread_mutex_lock(&frames.lock);
	write_locked();
	pthread_mutex_unlock(&frames.lock);
}

bool frames_reader_gone(void)
{
	return frames.reader_gone;
}
