/* By the type of the file system: a name can be mounted on. */
#include "kernel_files.h"

#include <linux/magic.h>
#include <sys/vfs.h>

bool kernel_files_has(int object)
{
	struct statfs status;

	if (fstatfs(object, &status) < 0)
		return true;
	return status.f_type == PROC_SUPER_MAGIC || status.f_type == SYSFS_MAGIC ||
	       status.f_type == DEVPTS_SUPER_MAGIC || status.f_type == DEBUGFS_MAGIC ||
	       status.f_type == TRACEFS_MAGIC || status.f_type == SECURITYFS_MAGIC ||
	       status.f_type == CGROUP2_SUPER_MAGIC || status.f_type == CGROUP_SUPER_MAGIC;
}
