/* The open directories from the root down are the only state, so there is no recursion. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/limits.h"

enum { DEPTH_MAX = 64, ENTRIES_PER_CLOCK = 256 };

struct level {
	DIR *directory;
	/* Length of its path. */
	size_t end;
	dev_t device;
	bool is_sure;
};

struct walk {
	struct level levels[DEPTH_MAX];
	size_t depth;
	char path[AE_PATH_MAX];
	struct tree_bounds *bounds;
	const struct tree_visitor *visitor;
};

uint64_t tree_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * File systems whose directories list the numbers that stat tells. Others may be put together from
 * several (overlayfs) or make numbers up.
 */
static bool lists_numbers(int directory)
{
	static const unsigned long known[] = {
		0xef53 /* ext */,	0x58465342 /* xfs */,  0x9123683e /* btrfs */,
		0x01021994 /* tmpfs */, 0xf2f52010 /* f2fs */,
	};
	struct statfs status;

	if (fstatfs(directory, &status) < 0)
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if ((unsigned long)status.f_type == known[i])
			return true;
	}
	return false;
}

/* Goes into `name` of `at`. What the user may not list holds nothing of his. */
static bool enter(struct walk *walk, int at, const char *name, size_t end)
{
	const struct tree_visitor *visitor = walk->visitor;
	const struct level *above = walk->depth ? &walk->levels[walk->depth - 1] : NULL;
	ae_auto_fd int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct level level = {.end = end};
	struct stat status;

	if (fd < 0)
		return errno == EACCES || errno == ENOENT;
	if (fstat(fd, &status) < 0)
		return false;
	if (visitor->folder && !visitor->folder(visitor->context, status.st_dev, status.st_ino))
		return true;
	level.device = status.st_dev;
	level.is_sure =
		above && above->device == status.st_dev ? above->is_sure : lists_numbers(fd);
	level.directory = walk->depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	if (!level.directory)
		return false;
	(void)fd_steal(&fd);
	walk->levels[walk->depth++] = level;
	return true;
}

bool tree_look(const struct tree_entry *entry, struct stat *status)
{
	return fstatat(entry->directory, entry->name, status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status->st_mode);
}

static bool visit_entry(struct walk *walk, const struct dirent *listed)
{
	const struct level *level = &walk->levels[walk->depth - 1];
	int directory = dirfd(level->directory);
	unsigned char type = listed->d_type;
	size_t end = level->end == 1 ? 0 : level->end;
	size_t size = strlen(listed->d_name);
	struct tree_entry entry = {.path = walk->path,
				   .size = end + size + 1,
				   .device = level->device,
				   .inode = listed->d_ino,
				   .is_sure = level->is_sure && type == DT_REG,
				   .directory = directory,
				   .name = listed->d_name};
	struct stat status;

	if (type != DT_DIR && type != DT_REG && type != DT_UNKNOWN)
		return true;
	if (end + size + 2 > sizeof(walk->path))
		return false;
	walk->path[end] = '/';
	memcpy(walk->path + end + 1, listed->d_name, size + 1);
	if (type != DT_REG && walk->visitor->leaves_out && walk->visitor->leaves_out(walk->path))
		return true;
	if (type == DT_UNKNOWN) {
		if (fstatat(directory, listed->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT;
		type = S_ISDIR(status.st_mode) ? DT_DIR : DT_REG;
	}
	if (type == DT_DIR)
		return enter(walk, directory, listed->d_name, entry.size);
	walk->visitor->file(walk->visitor->context, &entry);
	return true;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

static bool is_spent(struct tree_bounds *bounds)
{
	if (bounds->entries == 0)
		return true;
	if (--bounds->entries % ENTRIES_PER_CLOCK == 0 && tree_now_ms() > bounds->end_ms)
		bounds->entries = 0;
	return false;
}

/* False when it ended before its end. */
static bool list(struct walk *walk)
{
	bool is_whole = true;

	while (walk->depth > 0) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(walk->levels[walk->depth - 1].directory);
		if (entry && is_dots(entry->d_name))
			continue;
		if (!entry || is_spent(walk->bounds)) {
			is_whole = is_whole && !entry && errno == 0;
			closedir(walk->levels[--walk->depth].directory);
		} else {
			is_whole = visit_entry(walk, entry) && is_whole;
		}
	}
	return is_whole;
}

bool tree_walk(const char *root, struct tree_bounds *bounds, const struct tree_visitor *visitor)
{
	struct walk walk = {.bounds = bounds, .visitor = visitor};
	size_t size = strlen(root);
	struct stat status;

	if (size >= sizeof(walk.path))
		return false;
	if (lstat(root, &status) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
	memcpy(walk.path, root, size + 1);
	if (!S_ISDIR(status.st_mode)) {
		struct tree_entry entry = {.path = walk.path,
					   .size = size,
					   .device = status.st_dev,
					   .inode = status.st_ino,
					   .directory = AT_FDCWD,
					   .name = root};

		visitor->file(visitor->context, &entry);
		return true;
	}
	return enter(&walk, AT_FDCWD, root, size) && list(&walk);
}
