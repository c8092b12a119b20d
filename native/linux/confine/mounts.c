/*
 * Only the descriptor-based mount calls (Linux 5.12) are used: a path is looked up once and what
 * was found is what is mounted. Writable and shown places are cloned before the root becomes
 * read-only and attached again when their step comes, so the plan's order is the order in which
 * mounts cover each other.
 *
 * Masks come from one tiny tmpfs that holds a directory and a file of mode 000, and a resolv.conf.
 * It is attached over a directory that has no mask below it, only while masks are cloned from it
 * (cloning from a detached mount needs Linux 6.15); nothing else runs in this namespace yet.
 */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../common/fd.h"
#include "../uapi.h"
#include "overlay.h"

enum { CLONE_FLAGS = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC };

#define MASK_ATTRIBUTES                                                                            \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

struct mounts {
	const struct plan *plan;
	/* Clones of the writable and the shown places by step; -1 where there is none. */
	int *clones;
	/* The mask tmpfs, attached over `stand`; -1 until a mask is needed. */
	int masks;
	const char *stand;
};

static int clone_tree(const char *path)
{
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, CLONE_FLAGS | AT_RECURSIVE);

	return fd < 0 ? -errno : fd;
}

static int set_attributes(int fd, const char *path, unsigned int flags, uint64_t attributes)
{
	struct mount_attr change = {.attr_set = attributes};

	if (syscall(SYS_mount_setattr, fd, path, flags, &change, sizeof(change)) < 0)
		return -errno;
	return 0;
}

static int attach(int tree, const char *path)
{
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int set_option(int context, const char *name, const char *value)
{
	if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, name, value, 0) < 0)
		return -errno;
	return 0;
}

struct fresh {
	const char *type;
	const char *mode;
	const char *size;
	unsigned int attributes;
};

/* A new file system as a detached mount. */
static int make_fresh(struct fresh fresh)
{
	ae_auto_fd int context = (int)syscall(SYS_fsopen, fresh.type, FSOPEN_CLOEXEC);
	int error = 0;
	int tree;

	if (context < 0)
		return -errno;
	if (fresh.mode)
		error = set_option(context, "mode", fresh.mode);
	if (error == 0 && fresh.size)
		error = set_option(context, "size", fresh.size);
	if (error != 0)
		return error;
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	tree = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, fresh.attributes);
	return tree < 0 ? -errno : tree;
}

static bool has_mask_below(const struct plan *plan, const char *directory)
{
	size_t length = strlen(directory);

	for (size_t i = 0; i < plan->mount_count; i++) {
		if (!strncmp(plan->mounts[i].path, directory, length))
			return true;
	}
	return false;
}

/* A directory to cover for a moment. */
static const char *find_stand(const struct plan *plan)
{
	static const char *const candidates[] = {"/proc", "/sys", "/dev", "/etc", "/usr", "/tmp"};
	struct stat status;

	for (size_t i = 0; i < sizeof(candidates) / sizeof(*candidates); i++) {
		if (!has_mask_below(plan, candidates[i]) && !stat(candidates[i], &status) &&
		    S_ISDIR(status.st_mode))
			return candidates[i];
	}
	return NULL;
}

/* What programs of the box read to learn whom to ask for names: us, inside. */
static int write_names(int tree)
{
	static const char text[] = "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n";
	ae_auto_fd int fd = openat(tree, "names", O_WRONLY | O_CREAT | O_CLOEXEC, 0444);

	if (fd < 0 || fchmod(fd, 0444) < 0)
		return -errno;
	return fd_write_all(fd, text, sizeof(text) - 1);
}

static int open_masks(struct mounts *mounts)
{
	ae_auto_fd int tree = -1;
	int error;

	if (mounts->masks >= 0)
		return 0;
	tree = make_fresh((struct fresh){"tmpfs", "0755", "64k", 0});
	if (tree < 0)
		return tree;
	if (mkdirat(tree, "directory", 0) < 0 || mknodat(tree, "file", S_IFREG, 0) < 0)
		return -errno;
	error = write_names(tree);
	if (error != 0)
		return error;
	mounts->stand = find_stand(mounts->plan);
	if (!mounts->stand)
		return -EBUSY;
	error = attach(tree, mounts->stand);
	if (error != 0)
		return error;
	mounts->masks = fd_steal(&tree);
	return 0;
}

static int close_masks(struct mounts *mounts)
{
	if (mounts->masks < 0)
		return 0;
	fd_close_at(&mounts->masks);
	return syscall(SYS_umount2, mounts->stand, /* MNT_DETACH */ 2) < 0 ? -errno : 0;
}

static int mask(struct mounts *mounts, const char *kind, const char *path)
{
	ae_auto_fd int tree = -1;
	int error = open_masks(mounts);

	if (error != 0)
		return error;
	tree = (int)syscall(SYS_open_tree, mounts->masks, kind, CLONE_FLAGS);
	if (tree < 0)
		return -errno;
	error = set_attributes(tree, "", AT_EMPTY_PATH, MASK_ATTRIBUTES);
	return error ? error : attach(tree, path);
}

static int bind_read_only(const char *path)
{
	ae_auto_fd int tree = clone_tree(path);
	int error;

	if (tree < 0)
		return tree;
	error = set_attributes(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY);
	return error ? error : attach(tree, path);
}

static int mount_tmpfs(const struct plan_mount *mount)
{
	char mode[16];
	char size[32];
	ae_auto_fd int tree = -1;

	snprintf(mode, sizeof(mode), "%o", (unsigned int)mount->mode);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)mount->size);
	tree = make_fresh(
		(struct fresh){"tmpfs", mode, size, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV});
	return tree < 0 ? tree : attach(tree, mount->path);
}

static int mount_proc(void)
{
	ae_auto_fd int tree = make_fresh((struct fresh){
		"proc", NULL, NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC});

	return tree < 0 ? tree : attach(tree, "/proc");
}

/*
 * Makes what is missing of a mount point, as a fresh tmpfs above it needs it: directories, and for
 * `mode` of a file the file.
 */
static int make_mount_point(const char *path, mode_t mode)
{
	char buffer[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof(buffer))
		return -ENAMETOOLONG;
	memcpy(buffer, path, length + 1);
	for (size_t i = 1; i <= length; i++) {
		if (buffer[i] != '/' && buffer[i] != '\0')
			continue;
		buffer[i] = '\0';
		if (i == length && !S_ISDIR(mode)) {
			if (mknod(buffer, S_IFREG | 0400, 0) < 0 && errno != EEXIST)
				return -errno;
			continue;
		}
		if (mkdir(buffer, 0755) < 0 && errno != EEXIST)
			return -errno;
		buffer[i] = i == length ? '\0' : '/';
	}
	return 0;
}

static int attach_clone(int tree, const char *path)
{
	struct stat status;
	int error = attach(tree, path);

	if (error != -ENOENT)
		return error;
	if (fstat(tree, &status) < 0)
		return -errno;
	error = make_mount_point(path, status.st_mode);
	return error ? error : attach(tree, path);
}

/* What the host shows to this box alone: neither content nor times nor mode can be changed. */
static int show(int tree, const char *path)
{
	int error = set_attributes(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, MASK_ATTRIBUTES);

	return error ? error : attach_clone(tree, path);
}

static int apply_step(struct mounts *mounts, size_t index)
{
	const struct plan_mount *mount = &mounts->plan->mounts[index];
	int error = 0;

	/* Other steps must not copy the mask tmpfs or lie below it. */
	if (mount->step != STEP_MASK_DIRECTORY && mount->step != STEP_MASK_FILE &&
	    mount->step != STEP_NAMES)
		error = close_masks(mounts);
	if (error != 0)
		return error;
	switch (mount->step) {
	case STEP_READ_ONLY_ROOT:
		return set_attributes(AT_FDCWD, "/", AT_RECURSIVE, MOUNT_ATTR_RDONLY);
	case STEP_WRITABLE:
	case STEP_OVERLAY:
		return mounts->clones[index] < 0 ? 0
						 : attach_clone(mounts->clones[index], mount->path);
	case STEP_READ_ONLY:
		return bind_read_only(mount->path);
	case STEP_MASK_DIRECTORY:
		return mask(mounts, "directory", mount->path);
	case STEP_MASK_FILE:
		return mask(mounts, "file", mount->path);
	case STEP_TMPFS:
		return mount_tmpfs(mount);
	case STEP_PROC:
		return mount_proc();
	case STEP_NAMES:
		return mask(mounts, "names", mount->path);
	case STEP_SHOW:
		return mounts->clones[index] < 0 ? 0 : show(mounts->clones[index], mount->path);
	}
	return -EINVAL;
}

static bool is_missing(int error)
{
	return error == -ENOENT || error == -ENOTDIR;
}

/* Also fills mounts->clones. */
static int clone_places(struct mounts *mounts, struct mounts_culprit *culprit)
{
	const struct plan *plan = mounts->plan;

	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *mount = &plan->mounts[i];

		if (mount->step != STEP_WRITABLE && mount->step != STEP_SHOW &&
		    mount->step != STEP_OVERLAY)
			continue;
		mounts->clones[i] =
			mount->step == STEP_OVERLAY ? overlay_make(mount) : clone_tree(mount->path);
		if (mounts->clones[i] >= 0 || (mount->optional && is_missing(mounts->clones[i])))
			continue;
		culprit->path = mount->path;
		if (mount->step == STEP_OVERLAY)
			culprit->step = "overlay";
		return mounts->clones[i];
	}
	return 0;
}

static int apply_all(struct mounts *mounts, struct mounts_culprit *culprit)
{
	const struct plan *plan = mounts->plan;
	struct mount_attr private = {.propagation = /* MS_PRIVATE */ 1 << 18};
	int error;

	*culprit = (struct mounts_culprit){"mount", "/"};
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &private, sizeof(private)) < 0)
		return -errno;
	error = clone_places(mounts, culprit);
	for (size_t i = 0; error == 0 && i < plan->mount_count; i++) {
		error = apply_step(mounts, i);
		if (plan->mounts[i].optional && is_missing(error))
			error = 0;
		culprit->path = plan->mounts[i].path;
	}
	return error ? error : close_masks(mounts);
}

int mounts_apply(const struct plan *plan, struct mounts_culprit *culprit)
{
	struct mounts mounts = {.plan = plan, .masks = -1};
	int error;

	mounts.clones = malloc((plan->mount_count + 1) * sizeof(*mounts.clones));
	if (!mounts.clones)
		return -ENOMEM;
	for (size_t i = 0; i < plan->mount_count; i++)
		mounts.clones[i] = -1;
	error = apply_all(&mounts, culprit);
	for (size_t i = 0; i < plan->mount_count; i++)
		fd_close_at(&mounts.clones[i]);
	fd_close_at(&mounts.masks);
	free(mounts.clones);
	return error;
}
