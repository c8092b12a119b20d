/*
 * The kernel executes, and reads the path again to do so: a caller with several threads may have
 * changed it by then. Landlock bounds what it can be changed to: to other programs that may be
 * executed, and to the loaders those need, which Landlock cannot tell from programs. A loader
 * started as a program would start anything that can be read; but it has to open it first, and no
 * open is answered here without a look at what the caller runs. So the program of a process is
 * judged twice: by the path before it starts, and by /proc/PID/exe at every call that is notified
 * afterwards. What runs unjudged in between is a loader's own code, up to its first open.
 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../judge/digests.h"
#include "../judge/programs.h"
#include "../judge/resolve_name.h"

enum {
	/* What the kernel reads of a file to find its interpreter. */
	HEAD_SIZE = 256,
	/* Scripts whose interpreter is a script: BINPRM_MAX_RECURSION of Linux. */
	INTERPRETERS_MAX = 5,
	VERIFIED_MAX = 64,
};

struct file {
	dev_t device;
	ino_t inode;
};

static struct {
	pthread_mutex_t lock;
	/* What the command is before it executes anything. */
	struct file helper;
	/* Files that were found to be permitted, the latest ones. */
	struct file verified[VERIFIED_MAX];
	unsigned int next;
} exec = {.lock = PTHREAD_MUTEX_INITIALIZER};

int exec_init(void)
{
	struct stat status;

	if (stat("/proc/self/exe", &status) < 0)
		return -errno;
	exec.helper = (struct file){status.st_dev, status.st_ino};
	return 0;
}

/* The interpreter a script names, in `head`, or NULL. The kernel ends it at a blank. */
static char *interpreter_in(char *head, size_t size)
{
	char *text = head + 2;
	size_t length;

	head[size] = 0;
	if (size < 3 || head[0] != '#' || head[1] != '!')
		return NULL;
	text += strspn(text, " \t");
	length = strcspn(text, " \t\n");
	text[length] = 0;
	return length ? text : NULL;
}

static char *read_interpreter(const struct target *target, char head[HEAD_SIZE + 1])
{
	ae_auto_fd int fd = -1;
	ssize_t size;

	if (target->state != TARGET_EXISTS || !S_ISREG(target->mode))
		return NULL;
	fd = name_reopen(target->fd, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	/* What cannot be read can be no script that works. */
	size = fd < 0 ? -1 : pread(fd, head, HEAD_SIZE, 0);
	return size < 0 ? NULL : interpreter_in(head, (size_t)size);
}

/* The kernel refuses an interpreter without a right to execute it by itself; this tells which. */
static int judge_interpreters(struct request *request)
{
	const struct place here = {.directory = AT_FDCWD};
	const struct target *script = &request->first.at.target;
	struct named *named = &request->second;
	char head[HEAD_SIZE + 1];

	for (int i = 0; i < INTERPRETERS_MAX; i++) {
		const char *interpreter = read_interpreter(script, head);
		struct place place = here;
		struct verdict verdict;

		if (!interpreter)
			return ANSWER_CONTINUE;
		named->text_size = strlen(interpreter);
		memcpy(named->text, interpreter, named->text_size + 1);
		target_close(&named->at.target);
		place.path = named->text;
		if (resolve_place(&request->caller, &place, &named->at.target) != 0)
			return EACCES;
		if (named->at.target.state != TARGET_EXISTS)
			return ANSWER_CONTINUE;
		verdict = request_judge(request, ACTION_PROCESS_SPAWN, &named->at.target);
		if (!verdict.allowed) {
			request_refuse(request, ACTION_PROCESS_SPAWN, named, verdict.rule);
			return EACCES;
		}
		script = &named->at.target;
	}
	return ANSWER_CONTINUE;
}

int exec_judge(struct request *request)
{
	const struct target *target = &request->first.at.target;
	bool is_allowed;

	if (target->state == TARGET_NO_FILE)
		return ANSWER_CONTINUE;
	if (target->state == TARGET_EXISTS &&
	    (!S_ISREG(target->mode) || !(target->mode & (S_IXUSR | S_IXGRP | S_IXOTH))))
		return request_fails(request, ACTION_PROCESS_SPAWN, &request->first, EACCES);
	is_allowed = request_consider(request, ACTION_PROCESS_SPAWN, &request->first);
	if (request->rules->hash_programs && request->frame_count &&
	    digests_of(target, request->digest))
		request->frames[0].digest = request->digest;
	if (!is_allowed)
		return EACCES;
	return request->rules->verify_programs ? judge_interpreters(request) : ANSWER_CONTINUE;
}

static bool is_same(struct file a, struct file b)
{
	return a.device == b.device && a.inode == b.inode;
}

static bool is_verified(struct file file)
{
	bool found = is_same(file, exec.helper);

	pthread_mutex_lock(&exec.lock);
	for (size_t i = 0; i < VERIFIED_MAX && !found; i++)
		found = is_same(file, exec.verified[i]);
	pthread_mutex_unlock(&exec.lock);
	return found;
}

static void remember(struct file file)
{
	pthread_mutex_lock(&exec.lock);
	exec.verified[exec.next++ % VERIFIED_MAX] = file;
	pthread_mutex_unlock(&exec.lock);
}

/* The kernel's name for the program `link` leads to, without the mark of a lost one. */
static int name_program(const char *link, const struct stat *status, struct named *named)
{
	ssize_t size = readlink(link, named->text, sizeof(named->text) - 1);

	if (size < 0)
		return -errno;
	if (status->st_nlink == 0 && (size_t)size > NAME_DELETED_SIZE &&
	    memcmp(named->text + size - NAME_DELETED_SIZE, NAME_DELETED, NAME_DELETED_SIZE) == 0)
		size -= (ssize_t)NAME_DELETED_SIZE;
	named->text[size] = 0;
	named->text_size = (size_t)size;
	return 0;
}

static void note(struct request *request, uint32_t rule)
{
	const struct named *named = &request->first;

	request->frames[0] = (struct access_frame){
		.action = ACTION_PROCESS_SPAWN,
		.verdict = {false, rule},
		.path = named->text,
		.path_size = named->text_size,
	};
	request->frame_count = 1;
}

/* Whoever cannot be looked into is no business of anybody's but the kernel's: nothing is answered
 * for him. */
static bool note_unknown(struct request *request)
{
	memcpy(request->first.text, "?", 2);
	request->first.text_size = 1;
	note(request, JUDGE_NO_RULE);
	return false;
}

bool exec_verify(struct request *request)
{
	struct named *named = &request->first;
	struct verdict verdict;
	struct stat status;
	struct file file;
	char link[32];

	if (!request->rules->verify_programs)
		return true;
	/* Not from a cache: the number may mean another program since a moment ago. */
	if (caller_program(&request->caller, &status) != 0)
		return note_unknown(request);
	file = (struct file){status.st_dev, status.st_ino};
	if (is_verified(file))
		return true;
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)request->caller.tid);
	if (name_program(link, &status, named) != 0)
		return note_unknown(request);
	verdict = judge_path(request->rules->judge, ACTION_PROCESS_SPAWN, named->text,
			     named->text_size);
	if (verdict.allowed)
		remember(file);
	else
		note(request, verdict.rule);
	return verdict.allowed;
}

void exec_end(const struct caller *caller)
{
	pid_t process = caller_process(caller);
	ae_auto_fd int pidfd = process > 0 ? uapi_pidfd_open(process, 0) : -1;

	/* The number may be another process' by now: it is asked after the descriptor was made. */
	if (pidfd < 0 || !caller_is_waiting(caller))
		return;
	/* ignored: its call is refused all the same */
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}
