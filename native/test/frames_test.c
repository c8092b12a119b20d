/* Frames byte by byte, and that a reader who takes its time gets every one of them in order. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/fd.h"
#include "../linux/judge/frames.h"
#include "check.h"

enum { FRAMES = 30000 };

static int ends[2];

static void take(void *data, size_t size)
{
	unsigned char *at = data;

	while (size > 0) {
		ssize_t got = fd_read(ends[0], at, size);

		check(got > 0, "the stream goes on");
		at += got;
		size -= (size_t)got;
	}
}

static const struct access_frame sample = {
	.pid = 7,
	.program = 1,
	.flags = 0x80000,
	.syscall = 257,
	.action = ACTION_DIR_LIST,
	.verdict = {.allowed = false, .rule = 3},
	.has_port = true,
	.protocol = 17,
	.port = 443,
	.path = "/a",
	.path_size = 2,
	.requested = "b/../a",
	.requested_size = 6,
};

static void test_layout(void)
{
	static const char expected[] = "\x10\0\0\0"
				       "\2\0"
				       "\0\0"
				       "\1\0\0\0"
				       "\2\0"
				       "/x";
	static const char rest[] = "\7\0\0\0"
				   "\3\0\0\0"
				   "\1\0\0\0"
				   "\0\0\x08\0"
				   "\1\1"
				   "\4"
				   "\0"
				   "\xbb\1"
				   "\1\x11"
				   "\2\0"
				   "/a"
				   "\6\0"
				   "b/../a";
	unsigned char data[64];
	uint64_t when;

	frames_add_program(1, "/x", 2);
	frames_add_access(&sample);
	frames_flush();
	take(data, sizeof(expected) - 1);
	check(!memcmp(data, expected, sizeof(expected) - 1), "a program frame");
	take(data, 8);
	check(data[0] == 16 + sizeof(rest) - 1 && data[4] == 3, "the header of an access");
	take(&when, sizeof(when));
	check(when / 1000 - (uint64_t)time(NULL) + 2 < 4, "the time of an access");
	take(data, sizeof(rest) - 1);
	check(!memcmp(data, rest, sizeof(rest) - 1), "the rest of an access");
}

static void test_refused(void)
{
	static const char rest[] = "\7\0\0\0"
				   "\1\0\0\0"
				   "\x10\1"
				   "\0\0\0\x10\0\0\0\0"
				   "\xff\xff\xff\xff\xff\xff\xff\xff";
	const struct refused_frame refused = {
		.pid = 7,
		.program = 1,
		.syscall = 272,
		.arguments = {0x10000000, UINT64_MAX},
	};
	unsigned char data[64];

	frames_add_refused(&refused);
	frames_flush();
	take(data, 16 + sizeof(rest) - 1);
	check(data[0] == 16 + sizeof(rest) - 1 && data[4] == 17, "the header of a refused call");
	check(!memcmp(data + 16, rest, sizeof(rest) - 1), "the rest of a refused call");
}

static void *add_many(void *unused)
{
	struct access_frame frame = sample;

	(void)unused;
	for (unsigned i = 0; i < FRAMES; i++) {
		frame.flags = i;
		frames_add_access(&frame);
	}
	frames_flush();
	return NULL;
}

static void test_slow_reader(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	const size_t size = 16 + 36;
	pthread_t thread;

	check(pthread_create(&thread, NULL, add_many, NULL) == 0, "a thread");
	for (unsigned i = 0; i < FRAMES; i++) {
		unsigned char frame[16 + 36];
		unsigned flags;

		if (i % 5000 == 0)
			nanosleep(&pause, NULL);
		take(frame, size);
		memcpy(&flags, frame + 28, sizeof(flags));
		check(flags == i, "frame %u is %u", i, flags);
	}
	pthread_join(thread, NULL);
}

/* Nobody flushes: the frame comes by itself after a few milliseconds. */
static void test_delay(void)
{
	unsigned char frame[16 + 36];

	frames_add_access(&sample);
	take(frame, sizeof(frame));
}

static void test_reader_gone(void)
{
	check(!frames_reader_gone(), "the reader is there");
	close(ends[0]);
	frames_add_access(&sample);
	frames_flush();
	check(frames_reader_gone(), "the reader is gone");
}

int main(void)
{
	sigset_t pipe_signal;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_signal, NULL);
	check(pipe(ends) == 0, "a pipe");
	check(frames_start(ends[1]) == 0, "the writer");
	test_layout();
	test_refused();
	test_slow_reader();
	test_delay();
	test_reader_gone();
	printf("frames_test: %d frames\n", FRAMES);
	return 0;
}
