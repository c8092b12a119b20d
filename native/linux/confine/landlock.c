/*
 * The rules bind to inodes, so paths are opened here, after the mounts, in the mount namespace they
 * apply to. The kernel refuses rights it does not know and trailing fields it has never heard of,
 * which is wanted: the plan was made for a kernel that has them, and a box with fewer rules than
 * planned must not start.
 */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../../common/fd.h"
#include "../uapi.h"

static int create(const struct ae_landlock_ruleset *ruleset)
{
	int fd = (int)syscall(SYS_landlock_create_ruleset, ruleset, sizeof(*ruleset), 0);

	return fd < 0 ? -errno : fd;
}

static int ask(unsigned int flags)
{
	int answer = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, flags);

	return answer < 0 ? 0 : answer;
}

int landlock_abi(void)
{
	return ask(AE_LANDLOCK_CREATE_VERSION);
}

int landlock_errata(void)
{
	return ask(AE_LANDLOCK_CREATE_ERRATA);
}

static int add_path(int ruleset, const char *path, uint64_t access)
{
	ae_auto_fd int fd = open(path, O_PATH | O_CLOEXEC);
	struct ae_landlock_path rule;
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	rule.parent_fd = fd;
	rule.access = access;
	if (!S_ISDIR(status.st_mode))
		rule.access &= AE_LANDLOCK_FS_OF_FILES;
	if (rule.access == 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, ruleset, AE_LANDLOCK_RULE_PATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

static int add_port(int ruleset, const struct plan_landlock_port *port)
{
	struct ae_landlock_port rule = {.access = port->access, .port = port->port};

	if (syscall(SYS_landlock_add_rule, ruleset, AE_LANDLOCK_RULE_PORT, &rule, 0) < 0)
		return -errno;
	return 0;
}

static int add_rules(int ruleset, const struct plan *plan, const char **culprit)
{
	for (size_t i = 0; i < plan->landlock_path_count; i++) {
		const struct plan_landlock_path *path = &plan->landlock_paths[i];
		int error = add_path(ruleset, path->path, path->access);

		if (path->optional && (error == -ENOENT || error == -ENOTDIR || error == -EACCES))
			continue;
		if (error != 0) {
			*culprit = path->path;
			return error;
		}
	}
	for (size_t i = 0; i < plan->landlock_port_count; i++) {
		int error = add_port(ruleset, &plan->landlock_ports[i]);

		if (error != 0)
			return error;
	}
	return 0;
}

int landlock_build(const struct plan *plan, struct landlock_extra extra, const char **culprit)
{
	const uint64_t read = AE_LANDLOCK_FS_READ_FILE | AE_LANDLOCK_FS_READ_DIR;
	struct ae_landlock_ruleset attributes = {
		.handled_fs = plan->handled_fs,
		.handled_net = plan->handled_net,
		.scoped = plan->scoped | extra.scoped,
	};
	ae_auto_fd int ruleset = create(&attributes);
	int error;

	*culprit = NULL;
	if (ruleset < 0)
		return ruleset;
	error = add_rules(ruleset, plan, culprit);
	if (error == 0 && extra.read_proc && (plan->handled_fs & read)) {
		*culprit = "/proc";
		error = add_path(ruleset, "/proc", plan->handled_fs & read);
	}
	return error ? error : fd_steal(&ruleset);
}

/*
 * A layer that does not grant moving between directories refuses it, even one that handles no
 * right at all. This one is only about scopes, so it grants that everywhere.
 */
int landlock_build_scopes(uint64_t scoped)
{
	struct ae_landlock_ruleset attributes = {
		.handled_fs = AE_LANDLOCK_FS_REFER,
		.scoped = scoped,
	};
	ae_auto_fd int ruleset = -1;
	int error;

	if (landlock_abi() < 6)
		return -ENOSYS;
	ruleset = create(&attributes);
	if (ruleset < 0)
		return ruleset;
	error = add_path(ruleset, "/", AE_LANDLOCK_FS_REFER);
	return error ? error : fd_steal(&ruleset);
}

/* All the rights on files the kernel knows. */
static uint64_t all_fs(int abi)
{
	uint64_t rights = AE_LANDLOCK_FS_REFER - 1;

	if (abi >= 2)
		rights |= AE_LANDLOCK_FS_REFER;
	if (abi >= 3)
		rights |= AE_LANDLOCK_FS_TRUNCATE;
	if (abi >= 5)
		rights |= AE_LANDLOCK_FS_IOCTL_DEV;
	return rights;
}

int landlock_build_outside(uint16_t port, bool serves)
{
	const struct plan_landlock_port gateway = {AE_LANDLOCK_NET_CONNECT_TCP, port};
	int abi = landlock_abi();
	struct ae_landlock_ruleset attributes = {
		.handled_fs = all_fs(abi),
		.handled_net = AE_LANDLOCK_NET_CONNECT_TCP,
		.scoped = abi >= 6 ? AE_LANDLOCK_SCOPE_ABSTRACT | AE_LANDLOCK_SCOPE_SIGNAL : 0,
	};
	ae_auto_fd int ruleset = -1;
	int error;

	if (!serves)
		attributes.handled_net |= AE_LANDLOCK_NET_BIND_TCP;
	if (abi < 4)
		attributes.handled_net = 0;
	ruleset = create(&attributes);
	if (ruleset < 0)
		return ruleset;
	error = abi >= 4 ? add_port(ruleset, &gateway) : 0;
	return error ? error : fd_steal(&ruleset);
}

int landlock_restrict(int ruleset)
{
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return 0;
}

bool landlock_reads_proc(const struct plan *plan)
{
	const uint64_t read = AE_LANDLOCK_FS_READ_FILE | AE_LANDLOCK_FS_READ_DIR;
	const uint64_t wanted = plan->handled_fs & read;

	if (wanted == 0)
		return true;
	for (size_t i = 0; i < plan->landlock_path_count; i++) {
		const struct plan_landlock_path *rule = &plan->landlock_paths[i];

		if ((rule->access & wanted) == wanted &&
		    (!strcmp(rule->path, "/proc") || !strcmp(rule->path, "/")))
			return true;
	}
	return false;
}
