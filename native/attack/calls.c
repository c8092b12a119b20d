/* System calls by number: is the kernel's own code reached, by whatever door? */
#include "attack.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * NUMBER [ARGUMENT]...: what the call says to arguments that make it fail harmlessly. An error
 * other than a refusal shows that the call was reached.
 */
static int try_call(char **a)
{
	unsigned long words[6] = {0};
	int error;

	for (int i = 0; i < 6 && a[i + 1]; i++)
		words[i] = strtoul(a[i + 1], NULL, 0);
	error = attack_errno(syscall(strtol(a[0], NULL, 0), words[0], words[1], words[2], words[3],
				     words[4], words[5]));
	attack_note("errno %d", error);
	return error == EPERM || error == ENOSYS || error == EACCES ? error : 0;
}
/* PATH REQUEST: what an ioctl through a descriptor open for reading says to nothing at all */
static int try_request(char **a)
{
	static char nothing[4096];
	int fd = open(a[0], O_RDONLY | O_NONBLOCK);
	int error;

	if (fd < 0)
		return errno;
	error = attack_errno(ioctl(fd, strtoul(a[1], NULL, 0), nothing));
	attack_note("errno %d", error);
	close(fd);
	return error == EPERM || error == EACCES ? error : 0;
}
/* NUMBER: a call the kernel must not know, or must not be asked */
static int try_unknown(char **a)
{
	int error = attack_errno(syscall(strtol(a[0], NULL, 0), -1, -1, -1, -1, -1, -1));

	return error == ENOSYS ? ENOSYS : 0;
}
#ifdef __x86_64__
static int try_x32(char **a)
{
	int error = attack_errno(syscall(0x40000000 + SYS_getpid));

	(void)a;
	return error == ENOSYS ? ABSENT : error;
}
/* NUMBER [ARGUMENT [ARGUMENT]] of the 32-bit table, through the old gate */
static int try_i386(char **a)
{
	long number = strtol(a[0], NULL, 0);
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a[1] ? strtol(a[1], NULL, 0) : 0), "c"(0), "d"(0)
			 : "memory");
	return result == -ENOSYS ? ABSENT : result < 0 ? (int)-result : 0;
}
#else
static int try_x32(char **a)
{
	(void)a;
	return ABSENT;
}
static int try_i386(char **a)
{
	(void)a;
	return ABSENT;
}
#endif
/* PATH: opened by a request in a ring, which passes no filter */
static int try_ring_open(char **a)
{
	struct io_uring_params params;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *answers;
	unsigned char *rings;
	int ring;

	memset(&params, 0, sizeof(params));
	ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (ring < 0)
		return errno;
	rings = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
		     IORING_OFF_SQ_RING);
	entries = mmap(NULL, sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		       ring, IORING_OFF_SQES);
	if (rings == MAP_FAILED || (void *)entries == MAP_FAILED)
		return errno;
	memset(entries, 0, sizeof(*entries));
	entries->opcode = IORING_OP_OPENAT;
	entries->fd = AT_FDCWD;
	entries->addr = (uint64_t)(uintptr_t)a[0];
	entries->open_flags = O_RDONLY;
	*(unsigned *)(void *)(rings + params.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(void *)(rings + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return errno;
	answers = (void *)(rings + params.cq_off.cqes);
	return answers->res < 0 ? -answers->res : attack_read_fd(answers->res);
}
static int try_ring_setup(char **a)
{
	struct io_uring_params params;

	(void)a;
	memset(&params, 0, sizeof(params));
	return attack_opened((int)syscall(SYS_io_uring_setup, 1, &params));
}

/* clang-format off */
const struct attack attack_calls[] = {
	{"call", 1, try_call},
	{"request", 2, try_request},
	{"unknown-call", 1, try_unknown},
	{"x32", 0, try_x32},
	{"i386", 1, try_i386},
	{"ring-open", 1, try_ring_open},
	{"ring-setup", 0, try_ring_setup},
	{NULL, 0, NULL},
};
