/* Namespaces, mounts and privileges: another view of the machine, or more rights in this one. */
#include "attack.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* FLAGS in hexadecimal */
static int try_unshare(char **a)
{
	return attack_errno(unshare((int)strtoul(a[0], NULL, 16)));
}
static int try_clone(char **a)
{
	long child = syscall(SYS_clone, strtoul(a[0], NULL, 16) | SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		_exit(0);
	return child < 0 ? errno : attack_wait((pid_t)child);
}
static int try_clone3(char **a)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} arguments = {.flags = strtoul(a[0], NULL, 16), .exit_signal = SIGCHLD};
	long child = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (child == 0)
		_exit(0);
	return child < 0 ? errno : attack_wait((pid_t)child);
}
static int try_userns_mount(char **a)
{
	(void)a;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return errno;
	return attack_errno(mount("none", "/", "tmpfs", 0, NULL));
}
/* PID KIND: into a namespace of another process, by its file and by its pidfd */
static int try_setns(char **a)
{
	char name[64];
	int fd;
	int pidfd = (int)syscall(SYS_pidfd_open, atoi(a[0]), 0);
	int error = pidfd < 0 ? errno : attack_errno(setns(pidfd, CLONE_NEWNET));

	if (error == 0)
		return 0;
	snprintf(name, sizeof(name), "/proc/%s/ns/%s", a[0], a[1]);
	fd = open(name, O_RDONLY);
	return fd < 0 ? errno : attack_errno(setns(fd, 0));
}
/* The namespace that owns ours, through a descriptor of ours. */
static int try_parent_namespace(char **a)
{
	int fd = open("/proc/self/ns/user", O_RDONLY);
	int parent = fd < 0 ? -1 : ioctl(fd, NS_GET_PARENT);

	(void)a;
	return parent < 0 ? errno : attack_errno(setns(parent, 0));
}
/* FOLDER */
static int try_mount_tmpfs(char **a)
{
	int error = attack_errno(mount("none", a[0], "tmpfs", 0, "size=4k"));

	if (error == 0)
		umount2(a[0], MNT_DETACH);
	return error;
}
static int try_bind_mount(char **a)
{
	int error = attack_errno(mount(a[0], a[1], NULL, MS_BIND, NULL));

	if (error == 0)
		umount2(a[1], MNT_DETACH);
	return error;
}
static int try_remount(char **a)
{
	return attack_errno(mount(NULL, a[0], NULL, MS_REMOUNT | MS_BIND, NULL));
}
static int try_umount(char **a)
{
	return attack_errno(umount2(a[0], MNT_DETACH));
}
static int try_chroot(char **a)
{
	return attack_errno(chroot(a[0]));
}
static int try_open_tree(char **a)
{
	enum { TREE_CLONE = 1 };

	return attack_opened((int)syscall(SYS_open_tree, AT_FDCWD, a[0], TREE_CLONE));
}
static int try_fsopen(char **a)
{
	return attack_opened((int)syscall(SYS_fsopen, a[0], 0));
}
/* Did the starter leave powers: any bit in any of the five sets? */
static int try_capabilities(char **a)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	int error = EPERM;

	(void)a;
	if (!status)
		return errno;
	while (fgets(line, sizeof(line), status)) {
		bool is_set = !strncmp(line, "CapInh:", 7) || !strncmp(line, "CapPrm:", 7) ||
			      !strncmp(line, "CapEff:", 7) || !strncmp(line, "CapAmb:", 7);

		if (is_set && strtoull(line + 7, NULL, 16) != 0)
			error = 0;
	}
	fclose(status);
	return error;
}
/* Could a set-uid program give any? */
static int try_new_privileges(char **a)
{
	(void)a;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EPERM : 0;
}
/* PROGRAM: set-uid root or with file capabilities; it says what it gained */
static int try_gain(char **a)
{
	pid_t child = fork();

	if (child == 0) {
		char *words[] = {a[0], "gained", NULL};

		execv(a[0], words);
		_exit(errno);
	}
	return attack_wait(child);
}
int attack_gained(void)
{
	return geteuid() != getuid() || try_capabilities(NULL) == 0 ? 0 : EPERM;
}
static int try_setgroups(char **a)
{
	gid_t none[1] = {0};

	(void)a;
	return attack_errno(setgroups(1, none));
}
static int try_setuid_other(char **a)
{
	(void)a;
	return attack_errno(setresuid(12345, 12345, 12345));
}
static int try_raise_capability(char **a)
{
	struct {
		uint32_t version;
		int pid;
	} header = {0x20080522, 0};
	uint32_t data[6] = {~0u, ~0u, 0, ~0u, ~0u, 0};

	(void)a;
	return attack_errno(syscall(SYS_capset, &header, data));
}
static int try_securebits(char **a)
{
	enum { KEEP_CAPS = 0x10 };

	(void)a;
	return attack_errno(prctl(PR_SET_SECUREBITS, KEEP_CAPS, 0, 0, 0));
}

const struct attack attack_privileges[] = {
	{"unshare", 1, try_unshare},
	{"clone", 1, try_clone},
	{"clone3", 1, try_clone3},
	{"userns-mount", 0, try_userns_mount},
	{"setns", 2, try_setns},
	{"parent-namespace", 0, try_parent_namespace},
	{"mount-tmpfs", 1, try_mount_tmpfs},
	{"bind-mount", 2, try_bind_mount},
	{"remount", 1, try_remount},
	{"umount", 1, try_umount},
	{"chroot", 1, try_chroot},
	{"open-tree", 1, try_open_tree},
	{"fsopen", 1, try_fsopen},
	{"capabilities", 0, try_capabilities},
	{"new-privileges", 0, try_new_privileges},
	{"gain", 1, try_gain},
	{"setuid-other", 0, try_setuid_other},
	{"setgroups", 0, try_setgroups},
	{"raise-capability", 0, try_raise_capability},
	{"securebits", 0, try_securebits},
	{NULL, 0, NULL},
};
