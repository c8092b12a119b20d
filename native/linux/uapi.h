/*
 * Kernel interface that the oldest headers we build with (Linux 5.13) do not name, with the version
 * that introduced each, and wrappers for calls without a libc function. Wrappers return -1 with
 * errno like libc.
 */
#ifndef AE_UAPI_H
#define AE_UAPI_H

#include <linux/audit.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define AE_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AE_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#error "the system call table is written for x86-64 and arm64"
#endif

/* Same numbers on every architecture since 5.1. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444 /* 5.13 */
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* 6.6 */
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463 /* 6.13 */
#endif
#ifndef SYS_removexattrat
#define SYS_removexattrat 466 /* 6.13 */
#endif

/* clone3 as of 5.7, which brought the cgroup. */
#define AE_CLONE_INTO_CGROUP 0x200000000ULL
struct uapi_clone_args {
	uint64_t flags;
	uint64_t pidfd;
	uint64_t child_tid;
	uint64_t parent_tid;
	uint64_t exit_signal;
	uint64_t stack;
	uint64_t stack_size;
	uint64_t tls;
	uint64_t set_tid;
	uint64_t set_tid_size;
	uint64_t cgroup;
};

/* seccomp: the 5.13 headers know notifications but not these. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* 5.19 */
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1) /* 5.14 */
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0) /* 6.6 */
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64) /* 6.6 */
#endif

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* 5.14 */
#endif
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* 5.14 */
#endif

/* Landlock is spelt out here because its header is missing from older toolchains. */
#define AE_LANDLOCK_CREATE_VERSION 1u
#define AE_LANDLOCK_CREATE_ERRATA 2u /* 6.15 and stable kernels */
#define AE_LANDLOCK_RULE_PATH 1
#define AE_LANDLOCK_RULE_PORT 2 /* ABI 4, 6.7 */

#define AE_LANDLOCK_FS_EXECUTE (1ull << 0)
#define AE_LANDLOCK_FS_WRITE_FILE (1ull << 1)
#define AE_LANDLOCK_FS_READ_FILE (1ull << 2)
#define AE_LANDLOCK_FS_READ_DIR (1ull << 3)
#define AE_LANDLOCK_FS_REFER (1ull << 13)     /* ABI 2, 5.19 */
#define AE_LANDLOCK_FS_TRUNCATE (1ull << 14)  /* ABI 3, 6.2 */
#define AE_LANDLOCK_FS_IOCTL_DEV (1ull << 15) /* ABI 5, 6.10 */
#define AE_LANDLOCK_NET_BIND_TCP (1ull << 0)  /* ABI 4, 6.7 */
#define AE_LANDLOCK_NET_CONNECT_TCP (1ull << 1)
#define AE_LANDLOCK_SCOPE_ABSTRACT (1ull << 0) /* ABI 6, 6.12 */
#define AE_LANDLOCK_SCOPE_SIGNAL (1ull << 1)   /* ABI 6, 6.12 */

/* Rights a rule on something that is no directory may have. */
#define AE_LANDLOCK_FS_OF_FILES                                                                    \
	(AE_LANDLOCK_FS_EXECUTE | AE_LANDLOCK_FS_WRITE_FILE | AE_LANDLOCK_FS_READ_FILE |           \
	 AE_LANDLOCK_FS_TRUNCATE | AE_LANDLOCK_FS_IOCTL_DEV)

struct ae_landlock_ruleset {
	uint64_t handled_fs;
	uint64_t handled_net; /* ABI 4 */
	uint64_t scoped;      /* ABI 6 */
};

struct ae_landlock_path {
	uint64_t access;
	int32_t parent_fd;
} __attribute__((packed));

struct ae_landlock_port {
	uint64_t access;
	uint64_t port;
};

/* The fields of statx that stat has not got; some C libraries have no statx. */
#define AE_STATX_BTIME 0x800u
#define AE_STATX_ATTR_MOUNT_ROOT 0x2000u /* 5.8 */
struct ae_statx {
	uint32_t mask;
	uint32_t block_size;
	uint64_t attributes;
	uint8_t between[0x28];
	uint64_t attributes_mask;
	uint8_t before[0x10];
	int64_t birth_seconds;
	uint32_t birth_nanoseconds;
	uint8_t after[0x100 - 0x5c];
};
_Static_assert(sizeof(struct ae_statx) == 0x100, "struct statx has 256 bytes");

/* What sendmsg and sendmmsg read: the sizes that some C libraries have here are narrower. */
struct uapi_message {
	uint64_t name;
	uint32_t name_size;
	uint32_t unused;
	uint64_t pieces;
	uint64_t piece_count;
	uint64_t control;
	uint64_t control_size;
	uint32_t flags;
	uint32_t unused_too;
};
struct uapi_message_sent {
	struct uapi_message message;
	/* Written by the kernel. */
	uint32_t size;
	uint32_t unused;
};
struct uapi_control {
	uint64_t size;
	int32_t level;
	int32_t type;
};
_Static_assert(sizeof(struct uapi_message) == 56, "struct msghdr has 56 bytes");
_Static_assert(sizeof(struct uapi_message_sent) == 64, "struct mmsghdr has 64 bytes");
_Static_assert(sizeof(struct uapi_control) == 16, "struct cmsghdr has 16 bytes");

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* 6.3 */
#endif

static inline int uapi_pidfd_open(pid_t pid, unsigned int flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int uapi_pidfd_getfd(int pidfd, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

static inline int uapi_openat2(int directory, const char *path, struct open_how *how)
{
	return (int)syscall(SYS_openat2, directory, path, how, sizeof(*how));
}

static inline ssize_t uapi_sendmsg(int socket, const struct uapi_message *message, int flags)
{
	return syscall(SYS_sendmsg, socket, message, flags);
}

static inline int uapi_close_range(unsigned int first, unsigned int last)
{
	return (int)syscall(SYS_close_range, first, last, 0);
}

static inline int uapi_seccomp(unsigned int operation, unsigned int flags, void *argument)
{
	return (int)syscall(SYS_seccomp, operation, flags, argument);
}

#endif
