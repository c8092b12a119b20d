/* Code that was not meant to run: dropped files, memory, loaders, interpreters. */
#include "attack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

/* A program that runs says so by its status; anything else is the errno it did not run with. */
static int ran(pid_t child)
{
	int status = attack_wait(child);

	return status == PROOF ? 0 : status == 0 ? ECANCELED : status;
}
static int run(char *const words[])
{
	pid_t child = fork();

	if (child == 0) {
		execv(words[0], words);
		_exit(errno);
	}
	return ran(child);
}
static int copy_self(int to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat status;
	off_t at = 0;

	if (from < 0 || fstat(from, &status) < 0)
		return errno;
	while (at < status.st_size)
		if (sendfile(to, from, &at, (size_t)(status.st_size - at)) <= 0)
			return errno ? errno : EIO;
	close(from);
	return 0;
}

/* PATH: a program that is there */
static int try_exec(char **a)
{
	char *words[] = {a[0], "proof", NULL};

	return run(words);
}
/* PATH: a copy of this program, made now */
static int try_exec_dropped(char **a)
{
	int fd = open(a[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	int error = fd < 0 ? errno : copy_self(fd);

	if (fd >= 0)
		close(fd);
	return error ? error : try_exec(a);
}
static int try_exec_loader(char **a)
{
	char *words[] = {a[0], a[1], NULL};
	int error = run(words);

	/* The loader ran something that is no proof of ours, but it ran. */
	return error == ECANCELED ? 0 : error;
}
/* INTERPRETER SCRIPT: a script given to an interpreter */
static int try_exec_interpreter(char **a)
{
	char *words[] = {a[0], a[1], NULL};

	return run(words);
}
/* PATH INTERPRETER: a script that names its interpreter */
static int try_exec_script(char **a)
{
	int fd = open(a[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	char *words[] = {a[0], NULL};

	if (fd < 0)
		return errno;
	dprintf(fd, "#!%s\nexit %d\n", a[1], PROOF);
	close(fd);
	return run(words);
}
/* FLAGS of memfd_create in hexadecimal */
static int try_exec_memfd(char **a)
{
	int fd = (int)syscall(SYS_memfd_create, "copy", strtoul(a[0], NULL, 16));
	int error = fd < 0 ? errno : copy_self(fd);
	pid_t child;

	if (error)
		return error;
	child = fork();
	if (child == 0) {
		char *words[] = {"copy", "proof", NULL};
		char name[64];

		syscall(SYS_execveat, fd, "", words, NULL, AT_EMPTY_PATH);
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		execv(name, words);
		_exit(errno);
	}
	return ran(child);
}
/* PATH: by a descriptor that was opened for reading */
static int try_exec_fd(char **a)
{
	int fd = open(a[0], O_RDONLY | O_CLOEXEC);
	pid_t child;

	if (fd < 0)
		return errno;
	child = fork();
	if (child == 0) {
		char *words[] = {a[0], "proof", NULL};

		syscall(SYS_execveat, fd, "", words, NULL, AT_EMPTY_PATH);
		_exit(errno);
	}
	return ran(child);
}
static int try_exec_own_root(char **a)
{
	char name[4096];
	char *words[] = {name, "proof", NULL};

	snprintf(name, sizeof(name), "/proc/self/root%s", a[0]);
	return run(words);
}
/* PATH NAME */
static int try_exec_symlink(char **a)
{
	char *words[] = {a[1], "proof", NULL};

	return symlink(a[0], a[1]) < 0 ? errno : run(words);
}
static int try_exec_copy(char **a)
{
	char bytes[65536];
	int from = open(a[0], O_RDONLY | O_CLOEXEC);
	int to = open(a[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	char *words[] = {a[1], "proof", NULL};
	ssize_t got;

	if (from < 0 || to < 0)
		return errno;
	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)got) != got)
			return errno;
	close(from);
	close(to);
	return run(words);
}
/* Code of our own in memory that may be written and executed. */
static int try_exec_memory(char **a)
{
	(void)a;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? errno
		       : 0;
}
/* NAME: a variable of the environment */
static int try_variable(char **a)
{
	const char *value = getenv(a[0]);

	return value && *value ? 0 : ENOENT;
}

const struct attack attack_execution[] = {
	{"exec", 1, try_exec},
	{"exec-dropped", 1, try_exec_dropped},
	{"exec-loader", 2, try_exec_loader},
	{"exec-interpreter", 2, try_exec_interpreter},
	{"exec-script", 2, try_exec_script},
	{"exec-memfd", 1, try_exec_memfd},
	{"exec-fd", 1, try_exec_fd},
	{"exec-own-root", 1, try_exec_own_root},
	{"exec-symlink", 2, try_exec_symlink},
	{"exec-copy", 2, try_exec_copy},
	{"exec-memory", 0, try_exec_memory},
	{"variable", 1, try_variable},
	{NULL, 0, NULL},
};
