/* Not safe against several threads at once. */
#include "foreign.h"

#include <stdlib.h>
#include <string.h>

#include "../confine/mountinfo.h"

enum { TRUSTED_MAX = 32, MOUNTS_MAX = 4096 };

struct place {
	char *path;
	bool is_foreign;
};

static struct {
	dev_t trusted[TRUSTED_MAX];
	size_t trusted_count;
	/* In the order they were made in: a later one hides an earlier at the same path. */
	struct place *places;
	size_t count;
	/* They could not be read, or there are more: any path may be one. */
	bool is_unknown;
} foreign;

static bool is_trusted(dev_t device)
{
	for (size_t i = 0; i < foreign.trusted_count; i++) {
		if (foreign.trusted[i] == device)
			return true;
	}
	return false;
}

bool foreign_trust(dev_t device)
{
	if (is_trusted(device) || foreign.trusted_count == TRUSTED_MAX)
		return false;
	foreign.trusted[foreign.trusted_count++] = device;
	return true;
}

static bool is_local(const char *type)
{
	/* clang-format off */
	static const char *const types[] = {
		"bcachefs", "btrfs", "cgroup", "cgroup2", "devpts", "devtmpfs", "erofs", "exfat",
		"ext2", "ext3", "ext4", "f2fs", "jfs", "mqueue", "ntfs3", "overlay", "proc",
		"ramfs", "reiserfs", "squashfs", "sysfs", "tmpfs", "vfat", "xfs", "zfs",
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (!strcmp(types[i], type))
			return true;
	}
	return false;
}

static void note(void *unused, const struct mountinfo *mount)
{
	char *path = NULL;

	(void)unused;
	if (foreign.count < MOUNTS_MAX && foreign.places)
		path = strdup(mount->path);
	if (path)
		foreign.places[foreign.count++] =
			(struct place){path, !is_local(mount->type) && !is_trusted(mount->device)};
	else
		foreign.is_unknown = true;
}

void foreign_read(void)
{
	while (foreign.count > 0)
		free(foreign.places[--foreign.count].path);
	if (!foreign.places)
		foreign.places = calloc(MOUNTS_MAX, sizeof(*foreign.places));
	foreign.is_unknown = false;
	if (!mountinfo_each(note, NULL))
		foreign.is_unknown = true;
}

bool foreign_begins_at(const char *path)
{
	for (size_t i = foreign.count; i-- > 0;) {
		if (!strcmp(path, foreign.places[i].path))
			return foreign.places[i].is_foreign;
	}
	return foreign.is_unknown;
}

static bool is_below(const char *path, const char *place, size_t size)
{
	return !strncmp(path, place, size) && (path[size] == '/' || path[size] == 0 || size == 1);
}

bool foreign_holds(const char *path)
{
	const struct place *innermost = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < foreign.count; i++) {
		size_t size = strlen(foreign.places[i].path);

		if (size >= longest && is_below(path, foreign.places[i].path, size)) {
			innermost = &foreign.places[i];
			longest = size;
		}
	}
	return foreign.is_unknown || !innermost || innermost->is_foreign;
}
