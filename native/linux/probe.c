/*
 * Features are used, not looked up by version: distributions backport, containers filter,
 * administrators switch off. What changes the process is tried in a child, which writes its
 * findings into memory shared with the parent.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "confine/landlock.h"
#include "confine/namespaces.h"
#include "uapi.h"

enum feature {
	USERNS,
	MOUNTNS,
	PIDNS,
	NETNS,
	IPCNS,
	PROC_MOUNT,
	TMPFS_MOUNT,
	MOUNT_SETATTR,
	LANDLOCK_RESTRICT,
	SECCOMP_FILTER,
	SECCOMP_LISTENER,
	WAIT_KILLABLE,
	NOTIFY_SYNC_WAKE,
	NOTIFY_ADDFD_SEND,
	PIDFD_GETFD,
	PROCESS_VM_READV,
	OPENAT2,
	MEMFD_EXEC,
	FEATURES,
};

static const char *const names[FEATURES] = {
	[USERNS] = "userns",
	[MOUNTNS] = "mountns",
	[PIDNS] = "pidns",
	[NETNS] = "netns",
	[IPCNS] = "ipcns",
	[PROC_MOUNT] = "proc_mount",
	[TMPFS_MOUNT] = "tmpfs_mount",
	[MOUNT_SETATTR] = "mount_setattr",
	[LANDLOCK_RESTRICT] = "landlock_restrict",
	[SECCOMP_FILTER] = "seccomp_filter",
	[SECCOMP_LISTENER] = "seccomp_listener",
	[WAIT_KILLABLE] = "wait_killable",
	[NOTIFY_SYNC_WAKE] = "notify_sync_wake",
	[NOTIFY_ADDFD_SEND] = "notify_addfd_send",
	[PIDFD_GETFD] = "pidfd_getfd",
	[PROCESS_VM_READV] = "process_vm_readv",
	[OPENAT2] = "openat2",
	[MEMFD_EXEC] = "memfd_exec",
};

/* 0: works; otherwise the errno it failed with. */
struct findings {
	int error[FEATURES];
};

typedef void attempt(struct findings *findings);

static int errno_of(long result)
{
	return result < 0 ? errno : 0;
}

static void try_in_child(attempt *feature, struct findings *findings)
{
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		feature(findings);
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static int try_file_system(const char *type)
{
	int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return errno;
	return errno_of(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
}

static void try_proc(struct findings *findings)
{
	findings->error[PROC_MOUNT] = try_file_system("proc");
}

/* Network first: the others change what the later ones see. */
static void try_namespaces(struct findings *findings)
{
	struct mount_attr change = {.attr_set = MOUNT_ATTR_RDONLY};
	int *error = findings->error;

	error[NETNS] = errno_of(unshare(CLONE_NEWNET));
	error[IPCNS] = errno_of(unshare(CLONE_NEWIPC));
	error[MOUNTNS] = errno_of(unshare(CLONE_NEWNS));
	error[PIDNS] = errno_of(unshare(CLONE_NEWPID));
	error[PROC_MOUNT] = error[PIDNS];
	error[TMPFS_MOUNT] = error[MOUNTNS];
	error[MOUNT_SETATTR] = error[MOUNTNS];
	if (error[MOUNTNS])
		return;
	error[MOUNT_SETATTR] = errno_of(
		syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof(change)));
	error[TMPFS_MOUNT] = try_file_system("tmpfs");
	if (!error[PIDNS])
		try_in_child(try_proc, findings);
}

static void try_user_namespaces(struct findings *findings)
{
	int error = namespaces_enter_outer(CLONE_NEWUSER);

	findings->error[USERNS] = -error;
	if (error == 0)
		try_namespaces(findings);
	else
		for (int feature = MOUNTNS; feature <= MOUNT_SETATTR; feature++)
			findings->error[feature] = -error;
}

static void try_landlock(struct findings *findings)
{
	const struct ae_landlock_ruleset attributes = {.handled_fs = AE_LANDLOCK_FS_EXECUTE};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes,
				   sizeof(attributes.handled_fs), 0);

	findings->error[LANDLOCK_RESTRICT] = errno_of(ruleset);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (ruleset >= 0)
		findings->error[LANDLOCK_RESTRICT] = -landlock_restrict(ruleset);
}

static int install(unsigned int flags)
{
	static struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};

	return uapi_seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void try_seccomp(struct findings *findings)
{
	struct seccomp_notif_addfd addfd = {.id = ~0ull, .flags = SECCOMP_ADDFD_FLAG_SEND};
	int *error = findings->error;
	int listener;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	error[SECCOMP_FILTER] = errno_of(install(0));
	listener =
		install(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	error[WAIT_KILLABLE] = errno_of(listener);
	if (listener < 0)
		listener = install(SECCOMP_FILTER_FLAG_NEW_LISTENER);
	error[SECCOMP_LISTENER] = errno_of(listener);
	if (listener < 0) {
		error[NOTIFY_SYNC_WAKE] = error[NOTIFY_ADDFD_SEND] = error[SECCOMP_LISTENER];
		return;
	}
	error[NOTIFY_SYNC_WAKE] = errno_of(
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP));
	/* There is no such notification; a kernel that knows the flag says just that. */
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0 && errno != ENOENT)
		error[NOTIFY_ADDFD_SEND] = errno;
}

/* Looking into a child, which is what the broker does. */
static void try_looking(struct findings *findings)
{
	static char mark = 'x';
	char seen = 0;
	struct iovec local = {&seen, 1};
	struct iovec remote = {&mark, 1};
	pid_t child = fork();
	int pidfd;

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			pause();
	}
	findings->error[PROCESS_VM_READV] =
		errno_of(process_vm_readv(child, &local, 1, &remote, 1, 0));
	pidfd = uapi_pidfd_open(child, 0);
	findings->error[PIDFD_GETFD] = errno_of(pidfd);
	if (pidfd >= 0)
		findings->error[PIDFD_GETFD] = errno_of(uapi_pidfd_getfd(pidfd, 1));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void try_files(struct findings *findings)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_memfd_create, "probe", MFD_CLOEXEC | MFD_EXEC);

	findings->error[OPENAT2] = errno_of(uapi_openat2(AT_FDCWD, "/", &how));
	/* Before 6.3 every memfd can be executed and the flag is not known. */
	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_memfd_create, "probe", MFD_CLOEXEC);
	findings->error[MEMFD_EXEC] = errno_of(fd);
}

static const char *error_name(int error, char *number, size_t size)
{
	static const struct {
		int error;
		const char *name;
	} known[] = {
		{EPERM, "EPERM"},   {ENOENT, "ENOENT"},		{EACCES, "EACCES"},
		{EBUSY, "EBUSY"},   {EINVAL, "EINVAL"},		{ENOSPC, "ENOSPC"},
		{ENOSYS, "ENOSYS"}, {EUSERS, "EUSERS"},		{ENODEV, "ENODEV"},
		{ENOTTY, "ENOTTY"}, {EOPNOTSUPP, "EOPNOTSUPP"}, {ESRCH, "ESRCH"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i].error == error)
			return known[i].name;
	}
	snprintf(number, size, "E%d", error);
	return number;
}

static void print(const struct findings *plain, const struct findings *user)
{
	char number[16];

	printf("landlock_abi %d\nlandlock_errata %d\n", landlock_abi(), landlock_errata());
	for (int feature = 0; feature < FEATURES; feature++) {
		bool namespaced = feature > USERNS && feature <= MOUNT_SETATTR;
		int error = plain->error[feature];
		const char *value = "ok";

		if (error && namespaced && user->error[feature] == 0)
			value = "user";
		else if (error)
			value = error_name(namespaced && !user->error[USERNS] ? user->error[feature]
									      : error,
					   number, sizeof(number));
		printf("%s %s\n", names[feature], value);
	}
}

int probe_run(void)
{
	static attempt *const attempts[] = {try_namespaces, try_landlock, try_seccomp, try_looking,
					    try_files};
	struct findings *findings = mmap(NULL, sizeof(*findings) * 2, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (findings == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++)
		try_in_child(attempts[i], &findings[0]);
	try_in_child(try_user_namespaces, &findings[1]);
	findings[0].error[USERNS] = findings[1].error[USERNS];
	print(&findings[0], &findings[1]);
	return fflush(stdout) == 0 ? 0 : 1;
}
