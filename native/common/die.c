/*
 * A box that cannot be built says why in one frame and never runs. The frame is below PIPE_BUF, so
 * it arrives whole even when another process of the helper writes at the same time.
 */
#include "die.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit.h"
#include "fd.h"
#include "wire.h"

enum { MESSAGE_MAX = 1024 };

static int status_fd = -1;

void die_init(int fd)
{
	status_fd = fd;
}

static void report(const char *step, int error, const char *format, va_list arguments)
{
	unsigned char frame[MESSAGE_MAX + 256];
	char message[MESSAGE_MAX];
	int written = vsnprintf(message, sizeof(message), format, arguments);
	size_t length = written < 0 ? 0 : (size_t)written;
	size_t at = 0;

	if (length >= sizeof(message))
		length = sizeof(message) - 1;
	if (status_fd < 0) {
		fprintf(stderr, "aegis-helper: %s: %.*s%s%s\n", step, (int)length, message,
			error ? ": " : "", error ? strerror(error) : "");
		return;
	}
	at = wire_header(frame, WIRE_FAILED);
	at = wire_u32(frame, at, (uint32_t)error);
	at = wire_str(frame, at, step, strlen(step));
	at = wire_str(frame, at, message, length);
	wire_finish(frame, at);
	/* ignored: the reader is gone, and the exit status says the same */
	(void)fd_write_all(status_fd, frame, at);
}

void die_report(const char *step, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report(step, error, format, arguments);
	va_end(arguments);
}

void die(const char *step, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report(step, error, format, arguments);
	va_end(arguments);
	_exit(AE_EXIT_FAILED);
}
