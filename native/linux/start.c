/*
 * Whoever starts the helper has no way to hand over bytes that are no text but a descriptor. They
 * come as a count of arguments (u32, little-endian) and texts that each end with a NUL: the
 * program's path, the arguments, the variables. Nothing is confined here, and nothing is kept but
 * standard input, output and error.
 */
#include "start.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/die.h"
#include "../common/exit.h"
#include "../common/fd.h"

enum {
	SOURCE = 3,
	HEADER = 4,
	/* The kernel takes less. */
	LARGEST = 8 << 20,
};

static size_t count_texts(const unsigned char *data, size_t size)
{
	size_t count = 0;

	for (size_t at = 0; at < size; at++)
		count += data[at] == '\0';
	return count;
}

int start_run(void)
{
	ae_auto_free unsigned char *data = NULL;
	size_t size = 0;
	int error = fd_read_all(SOURCE, LARGEST, &data, &size);

	if (error < 0)
		die("start", -error, "cannot read what to execute");
	close(SOURCE);
	if (size <= HEADER || data[size - 1] != '\0')
		die("start", 0, "what to execute is cut short");

	uint32_t arguments = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
			     (uint32_t)data[3] << 24;
	size_t count = count_texts(data + HEADER, size - HEADER);

	if (arguments == 0 || arguments > count - 1)
		die("start", 0, "what to execute has %u arguments in %zu texts", arguments, count);

	/* The path, the arguments, their end, the variables, their end. */
	ae_auto_free char **texts = calloc(count + 2, sizeof(*texts));
	char *next = (char *)data + HEADER;

	if (texts == NULL)
		die("start", ENOMEM, "cannot hold what to execute");
	for (size_t at = 0; at < count; at++) {
		texts[at + (at > arguments)] = next;
		next += strlen(next) + 1;
	}
	execve(texts[0], texts + 1, texts + arguments + 2);
	error = errno;
	die_report("start", error, "cannot execute \"%s\"", texts[0]);
	return error == ENOENT ? AE_EXIT_NOT_FOUND : AE_EXIT_REFUSED;
}
