/*
 * Two halves because a pid namespace needs a child that is born in it, while that child must make
 * the mount, network and IPC namespaces itself: the supervisor keeps the host's mounts and network.
 * No helper for id maps is used; mapping exactly oneself is what every user may do.
 */
#include "namespaces.h"

#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../common/fd.h"

static int write_map(const char *path, unsigned int id)
{
	char line[64];

	snprintf(line, sizeof(line), "%u %u 1\n", id, id);
	return fd_write_file(path, line);
}

int namespaces_enter_outer(uint32_t flags)
{
	const uint32_t mine = flags & (CLONE_NEWUSER | CLONE_NEWPID);
	uid_t user = geteuid();
	gid_t group = getegid();
	int error;

	if (mine == 0)
		return 0;
	if (unshare((int)mine) < 0)
		return -errno;
	if (!(flags & CLONE_NEWUSER))
		return 0;
	error = fd_write_file("/proc/self/setgroups", "deny");
	if (error == 0)
		error = write_map("/proc/self/uid_map", user);
	if (error == 0)
		error = write_map("/proc/self/gid_map", group);
	return error;
}

int namespaces_enter_inner(uint32_t flags)
{
	const uint32_t mine = flags & (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC);

	if (mine != 0 && unshare((int)mine) < 0)
		return -errno;
	return 0;
}

int namespaces_raise_loopback(void)
{
	ae_auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};

	if (fd < 0)
		return -errno;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return -errno;
	return 0;
}

static int bind_names(int type)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	ae_auto_fd int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (type == SOCK_STREAM && listen(fd, 16) < 0)
		return -errno;
	return fd_steal(&fd);
}

int namespaces_listen_for_names(int *datagram, int *stream)
{
	*datagram = bind_names(SOCK_DGRAM);
	*stream = *datagram < 0 ? -1 : bind_names(SOCK_STREAM);
	if (*datagram < 0)
		return *datagram;
	return *stream < 0 ? *stream : 0;
}

void namespaces_allow_ping(void)
{
	char range[32];

	snprintf(range, sizeof(range), "%u %u", getegid(), getegid());
	/* ignored: see the header */
	(void)fd_write_file("/proc/sys/net/ipv4/ping_group_range", range);
}

bool namespaces_may_administer(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];

	return syscall(SYS_capget, &header, sets) == 0 &&
	       (sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN));
}

int namespaces_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
	     capability++) {
		/* Only who has CAP_SETPCAP may; no_new_privs keeps the bounding set of the others
		 * out of reach. */
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EPERM)
			return -errno;
	}
	if (syscall(SYS_capset, &header, none) < 0)
		return -errno;
	return 0;
}
