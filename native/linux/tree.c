/* The open directories from the root down are the only state, so there is no recursion. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../common/fd.h"
#include "../common/limits.h"

enum { DEPTH_MAX = 64 };

struct walk {
	DIR *open[DEPTH_MAX];
	/* Length of the path of each. */
	size_t ends[DEPTH_MAX];
	size_t depth;
	char path[AE_PATH_MAX];
	tree_visit *visit;
	void *context;
};

/* Goes into `name` of `at`. What the user may not list holds nothing of his. */
static bool enter(struct walk *walk, int at, const char *name, size_t end)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory;

	if (fd < 0)
		return errno == EACCES || errno == ENOENT;
	directory = walk->depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	if (!directory) {
		fd_close_at(&fd);
		return false;
	}
	walk->open[walk->depth] = directory;
	walk->ends[walk->depth++] = end;
	return true;
}

static bool visit_entry(struct walk *walk, const char *name)
{
	int directory = dirfd(walk->open[walk->depth - 1]);
	size_t end = walk->ends[walk->depth - 1];
	size_t size = strlen(name);
	struct stat status;

	if (end + size + 2 > sizeof(walk->path))
		return false;
	if (end == 1)
		end = 0;
	walk->path[end] = '/';
	memcpy(walk->path + end + 1, name, size + 1);
	end += size + 1;
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	if (!S_ISDIR(status.st_mode)) {
		walk->visit(walk->context, walk->path, end, &status);
		return true;
	}
	return enter(walk, directory, name, end);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

bool tree_walk(const char *root, size_t *budget, tree_visit *visit, void *context)
{
	struct walk walk = {.visit = visit, .context = context};
	size_t size = strlen(root);
	bool is_whole = true;
	struct stat status;

	if (size >= sizeof(walk.path))
		return false;
	if (lstat(root, &status) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	memcpy(walk.path, root, size + 1);
	if (!S_ISDIR(status.st_mode)) {
		visit(context, root, size, &status);
		return true;
	}
	is_whole = enter(&walk, AT_FDCWD, root, size);
	while (walk.depth > 0) {
		const struct dirent *entry = readdir(walk.open[walk.depth - 1]);

		if (!entry || *budget == 0) {
			is_whole = is_whole && !entry;
			closedir(walk.open[--walk.depth]);
		} else if (!is_dots(entry->d_name)) {
			--*budget;
			is_whole = visit_entry(&walk, entry->d_name) && is_whole;
		}
	}
	return is_whole;
}
