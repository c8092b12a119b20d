/*
 * The layers are named to the kernel by descriptors, through /proc/self/fd: a path is looked up
 * once, and no comma or colon in it means anything. Attributes lie in `user.overlay.*`, which is
 * what a user namespace may write; with them nothing is redirected and no copy is of metadata
 * alone, so the upper layer can be read without the kernel's help. Inode numbers are left as the
 * layers have them: links.c compares them with what it found before the mount.
 */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../uapi.h"

struct layer {
	const char *name;
	int fd;
};

static int open_layer(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int set_text(int context, const char *name, const char *value)
{
	return syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, name, value, 0) < 0 ? -errno : 0;
}

static int set_layers(int context, const struct layer *layers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char value[32];
		int error;

		snprintf(value, sizeof(value), "/proc/self/fd/%d", layers[i].fd);
		error = set_text(context, layers[i].name, value);
		if (error != 0)
			return error;
	}
	return 0;
}

static int set_options(int context)
{
	static const char *const options[][2] = {
		{"index", "off"},
		{"redirect_dir", "nofollow"},
		{"metacopy", "off"},
		{"xino", "off"},
	};

	if (syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		int error = set_text(context, options[i][0], options[i][1]);

		if (error != 0)
			return error;
	}
	return 0;
}

/* What the place's own mount forbids stays forbidden. */
static int attributes_of(int lower, unsigned int *attributes)
{
	struct statvfs status;

	if (fstatvfs(lower, &status) < 0)
		return -errno;
	*attributes = (status.f_flag & ST_RDONLY ? MOUNT_ATTR_RDONLY : 0) |
		      (status.f_flag & ST_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
		      (status.f_flag & ST_NODEV ? MOUNT_ATTR_NODEV : 0) |
		      (status.f_flag & ST_NOEXEC ? MOUNT_ATTR_NOEXEC : 0);
	return 0;
}

int overlay_make(const struct plan_mount *mount)
{
	ae_auto_fd int lower = open_layer(mount->path);
	ae_auto_fd int upper = open_layer(mount->upper);
	ae_auto_fd int work = open_layer(mount->work);
	ae_auto_fd int context = -1;
	const struct layer layers[] = {{"lowerdir", lower}, {"upperdir", upper}, {"workdir", work}};
	unsigned int attributes = 0;
	int error;
	int tree;

	for (size_t i = 0; i < 3; i++) {
		if (layers[i].fd < 0)
			return layers[i].fd;
	}
	error = attributes_of(lower, &attributes);
	if (error != 0)
		return error;
	context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (context < 0)
		return -errno;
	error = set_options(context);
	if (error == 0)
		error = set_layers(context, layers, 3);
	if (error != 0)
		return error;
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	tree = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
	return tree < 0 ? -errno : tree;
}

bool overlay_is_used(const struct plan *plan)
{
	for (size_t i = 0; i < plan->mount_count; i++) {
		if (plan->mounts[i].step == STEP_OVERLAY)
			return true;
	}
	return false;
}
