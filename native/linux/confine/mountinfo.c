/* A line is "id parent major:minor root path options... - type source options". */
#include "mountinfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "../../common/limits.h"

/* Undoes the octal numbers that stand for blanks and the like. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] && from[2] && from[3]) {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = 0;
}

static bool parse(const char *line, char path[AE_PATH_MAX], char type[64], struct mountinfo *mount)
{
	unsigned int numbers[2];
	char options[4] = "";
	const char *rest = strstr(line, " - ");

	/* Whether it can be written is the first option of all. */
	if (!rest || sscanf(rest, " - %63s %*s %3s", type, options) < 1 ||
	    sscanf(line, "%*s %*s %u:%u %*s %4095s", &numbers[0], &numbers[1], path) != 3)
		return false;
	unescape(path);
	*mount = (struct mountinfo){
		.path = path,
		.type = type,
		.device = makedev(numbers[0], numbers[1]),
		.is_read_only = !strncmp(options, "ro", 2) &&
				strspn(options + 2, ",\n") == strlen(options + 2),
	};
	return true;
}

bool mountinfo_each(void (*visit)(void *context, const struct mountinfo *mount), void *context)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	char path[AE_PATH_MAX];
	char type[64];
	bool is_whole = file;
	struct mountinfo mount;

	while (file && getline(&line, &room, file) > 0) {
		if (parse(line, path, type, &mount))
			visit(context, &mount);
		else
			is_whole = false;
	}
	free(line);
	if (file)
		fclose(file);
	return is_whole;
}
