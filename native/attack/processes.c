/* Other processes: those outside, the box's own supervisor, and what survives the command. */
#include "attack.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

static pid_t pid_of(const char *text)
{
	if (!strcmp(text, "self"))
		return getpid();
	return (pid_t)strtol(text, NULL, 10);
}
static pid_t sleeping_child(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	return child;
}

static int try_kill(char **a)
{
	return attack_errno(kill(pid_of(a[0]), 0));
}
static int try_kill_thread(char **a)
{
	return attack_errno(syscall(SYS_tgkill, pid_of(a[0]), pid_of(a[0]), 0));
}
static int try_kill_pidfd(char **a)
{
	int fd = (int)syscall(SYS_pidfd_open, pid_of(a[0]), 0);

	return fd < 0 ? errno : attack_errno(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
}
static int try_kill_queue(char **a)
{
	siginfo_t info = {.si_code = SI_QUEUE};

	return attack_errno(syscall(SYS_rt_sigqueueinfo, pid_of(a[0]), 0, &info));
}
static int try_ptrace(char **a)
{
	pid_t pid = pid_of(a[0]);
	int error = attack_errno(ptrace(PTRACE_SEIZE, pid, 0, 0));

	if (error == 0)
		ptrace(PTRACE_DETACH, pid, 0, 0);
	return error;
}
static int try_ptrace_child(char **a)
{
	pid_t child = sleeping_child();
	int error = attack_errno(ptrace(PTRACE_ATTACH, child, 0, 0));

	(void)a;
	kill(child, SIGKILL);
	return error;
}
static int try_traceme(char **a)
{
	(void)a;
	return attack_errno(ptrace(PTRACE_TRACEME, 0, 0, 0));
}
static int read_memory(pid_t pid)
{
	static char here;
	char byte;
	struct iovec to = {&byte, 1};
	struct iovec from = {&here, 1};
	int error = attack_errno(process_vm_readv(pid, &to, 1, &from, 1, 0));

	/* Its memory is laid out otherwise; that there is none at the address was still told. */
	return error == EFAULT ? 0 : error;
}
static int try_vm_read(char **a)
{
	return read_memory(pid_of(a[0]));
}
static int try_vm_read_sibling(char **a)
{
	pid_t child = sleeping_child();
	int error = read_memory(child);

	(void)a;
	kill(child, SIGKILL);
	return error;
}
static int try_vm_write(char **a)
{
	char byte = 0;
	struct iovec from = {&byte, 1};
	struct iovec to = {NULL, 1};
	int error = attack_errno(process_vm_writev(pid_of(a[0]), &from, 1, &to, 1, 0));

	return error == EFAULT ? 0 : error;
}
/* PID FD */
static int try_steal_fd(char **a)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid_of(a[0]), 0);

	return pidfd < 0 ? errno
			 : attack_opened((int)syscall(SYS_pidfd_getfd, pidfd, atoi(a[1]), 0));
}
static int try_kcmp(char **a)
{
	return attack_errno(syscall(SYS_kcmp, getpid(), pid_of(a[0]), 1, 0, 0));
}
static int try_madvise(char **a)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid_of(a[0]), 0);
	struct iovec nothing = {NULL, 0};

	return pidfd < 0 ? errno
			 : attack_errno(syscall(SYS_process_madvise, pidfd, &nothing, 1, 20, 0));
}
/* A limit of another process; the same one again, but a lower one would kill it. */
static int try_prlimit(char **a)
{
	struct rlimit limit;

	if (syscall(SYS_prlimit64, pid_of(a[0]), RLIMIT_CPU, NULL, &limit) < 0)
		return errno;
	return attack_errno(syscall(SYS_prlimit64, pid_of(a[0]), RLIMIT_CPU, &limit, NULL));
}
static int try_priority(char **a)
{
	int now = getpriority(PRIO_PROCESS, (id_t)pid_of(a[0]));

	return attack_errno(setpriority(PRIO_PROCESS, (id_t)pid_of(a[0]), now));
}
/* Of a whole group or user, by 0, which is one's own; those outside are in it. */
static int try_priority_of(char **a)
{
	int now = getpriority(PRIO_PROCESS, 0);

	return attack_errno(setpriority(atoi(a[0]), 0, now));
}
static int try_affinity(char **a)
{
	unsigned long mask[16];

	if (syscall(SYS_sched_getaffinity, pid_of(a[0]), sizeof(mask), mask) < 0)
		return errno;
	return attack_errno(syscall(SYS_sched_setaffinity, pid_of(a[0]), sizeof(mask), mask));
}
static int try_scheduler(char **a)
{
	int nothing = 0;

	return attack_errno(syscall(SYS_sched_setscheduler, pid_of(a[0]), SCHED_OTHER, &nothing));
}
static int try_ioprio(char **a)
{
	enum { PROCESS = 1, BEST_EFFORT_4 = 0x4004 };

	return attack_errno(syscall(SYS_ioprio_set, PROCESS, pid_of(a[0]), BEST_EFFORT_4));
}
static int try_ioprio_of(char **a)
{
	enum { BEST_EFFORT_4 = 0x4004 };

	return attack_errno(syscall(SYS_ioprio_set, atoi(a[0]), 0, BEST_EFFORT_4));
}
static int try_kill_init(char **a)
{
	(void)a;
	return attack_errno(kill(1, 0));
}
static pid_t parent_of(pid_t pid)
{
	char name[64];
	char line[512] = "";
	FILE *file;
	pid_t parent = 0;
	char *end;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	file = fopen(name, "r");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file) && (end = strrchr(line, ')')))
		parent = (pid_t)strtol(end + 4, NULL, 10);
	fclose(file);
	return parent;
}
/* Those that started this batch, as far up as they can be seen. */
static int try_kill_ancestors(char **a)
{
	int error = ESRCH;

	(void)a;
	for (pid_t pid = parent_of(getppid()); pid > 0; pid = parent_of(pid)) {
		error = attack_errno(kill(pid, 0));
		if (error == 0)
			break;
	}
	return error;
}
static int try_kill_all(char **a)
{
	(void)a;
	/* Our own process group is a process like any: whether there is another is asked of ours.
	 */
	return attack_errno(kill(-1, 0));
}
/* PID: SIGKILL for real; the tester looks whether it lives */
static int try_kill_really(char **a)
{
	return attack_errno(kill(pid_of(a[0]), SIGKILL));
}
static int try_stop_really(char **a)
{
	return attack_errno(kill(pid_of(a[0]), SIGSTOP));
}
/* FILE: in a session of its own, without descriptors, writes for ever */
static int try_daemon(char **a)
{
	int fd = open(a[0], O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0)
		return errno;
	if (fork() != 0)
		return 0;
	setsid();
	if (fork() != 0)
		_exit(0);
	for (int i = 0; i < 3; i++)
		close(i);
	/* Two minutes, should nobody end it. */
	for (int i = 0; i < 24000; i++) {
		if (write(fd, ".", 1) != 1)
			_exit(1);
		usleep(5000);
	}
	_exit(0);
}

/* OPTION VALUE */
static int try_prctl(char **a)
{
	return attack_errno(prctl((int)strtol(a[0], NULL, 0), strtoul(a[1], NULL, 0), 0, 0, 0));
}
static int try_second_listener(char **a)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};

	(void)a;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return attack_opened((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
					  SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}
/* A filter of our own that lets everything pass; NAME is tried under it. */
static int try_own_filter(char **a)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return errno;
	return attack_read_fd(open(a[0], O_RDONLY));
}

/* KEY in hexadecimal: segments and queues somebody outside made */
static int try_shared_memory(char **a)
{
	int id = shmget((key_t)strtol(a[0], NULL, 16), 0, 0);
	void *at = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	return at == (void *)-1 ? errno : 0;
}
static int try_message_queue(char **a)
{
	return attack_errno(msgget((key_t)strtol(a[0], NULL, 16), 0));
}
static int try_semaphore(char **a)
{
	return attack_errno(semget((key_t)strtol(a[0], NULL, 16), 0, 0));
}
/* NAME with its slash */
static int try_posix_queue(char **a)
{
	return attack_errno(mq_open(a[0], O_RDONLY | O_NONBLOCK));
}
static int try_posix_memory(char **a)
{
	return attack_opened(shm_open(a[0], O_RDONLY, 0));
}
/* A terminal of our own to type into. */
static int own_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int fd;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return 0;
	setsid();
	fd = open(ptsname(master), O_RDWR);
	if (fd < 0)
		return 0;
	ioctl(fd, TIOCSCTTY, 0);
	return fd;
}
/* REQUEST in hexadecimal, on a terminal; "not one" means that the request reached the kernel */
static int try_terminal(char **a)
{
	char data[64] = "\2x";
	int error = attack_errno(syscall(SYS_ioctl, own_terminal(), strtoul(a[0], NULL, 16), data));

	return error == ENOTTY || error == EINVAL ? 0 : error;
}

const struct attack attack_processes[] = {
	{"kill", 1, try_kill},
	{"kill-thread", 1, try_kill_thread},
	{"kill-pidfd", 1, try_kill_pidfd},
	{"kill-queue", 1, try_kill_queue},
	{"kill-init", 0, try_kill_init},
	{"kill-ancestors", 0, try_kill_ancestors},
	{"kill-all", 0, try_kill_all},
	{"kill-really", 1, try_kill_really},
	{"stop-really", 1, try_stop_really},
	{"ptrace", 1, try_ptrace},
	{"ptrace-child", 0, try_ptrace_child},
	{"traceme", 0, try_traceme},
	{"vm-read", 1, try_vm_read},
	{"vm-read-sibling", 0, try_vm_read_sibling},
	{"vm-write", 1, try_vm_write},
	{"steal-fd", 2, try_steal_fd},
	{"kcmp", 1, try_kcmp},
	{"madvise", 1, try_madvise},
	{"prlimit", 1, try_prlimit},
	{"priority", 1, try_priority},
	{"priority-of", 1, try_priority_of},
	{"ioprio-of", 1, try_ioprio_of},
	{"affinity", 1, try_affinity},
	{"scheduler", 1, try_scheduler},
	{"ioprio", 1, try_ioprio},
	{"daemon", 1, try_daemon},
	{"prctl", 2, try_prctl},
	{"second-listener", 0, try_second_listener},
	{"own-filter", 1, try_own_filter},
	{"shared-memory", 1, try_shared_memory},
	{"message-queue", 1, try_message_queue},
	{"semaphore", 1, try_semaphore},
	{"posix-queue", 1, try_posix_queue},
	{"posix-memory", 1, try_posix_memory},
	{"terminal", 1, try_terminal},
	{NULL, 0, NULL},
};
