/*
 * What exists is opened or changed through the descriptor that was asked about, never by looking a
 * name up again. A name is the entry of a folder that is held, and what had it, if anything, is
 * held as well, so that nothing else can come to have the same number: when either is another one
 * by then, nothing is done.
 *
 * The box sees most of the disk through mounts that cannot be written. A folder or object is
 * therefore looked up by its name out here, and taken when it is the very same one; else, as what
 * lies in the box's own mounts, as it was given.
 */
#include "lend_case.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../judge/kernel_files.h"
#include "../uapi.h"
#include "lend_parts.h"
#include "lend_wire.h"

/* The lender's own /proc/self/fd. */
static int names = -1;

int lend_case_init(void)
{
	names = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return names < 0 ? -errno : 0;
}

void lend_case_clear(struct lend_case *this)
{
	this->reply = -1;
	this->is_allowed = false;
	this->is_second = false;
	for (int i = 0; i < 2; i++) {
		this->at[i] = -1;
		this->seen[i] = -1;
		this->path[i][0] = 0;
	}
	this->answer = (struct lend_reply){.error = -EACCES, .verdict = LEND_UNASKED};
}

void lend_case_end(struct lend_case *this)
{
	fd_close_at(&this->reply);
	for (int i = 0; i < 2; i++) {
		fd_close_at(&this->at[i]);
		fd_close_at(&this->seen[i]);
	}
}

static bool is_name(const struct lend_case *this, int which)
{
	switch ((enum lend_kind)this->request.kind) {
	case LEND_OPEN:
	case LEND_CHANGE:
	case LEND_CONNECT:
		return false;
	case LEND_LINK:
		return which == 1;
	case LEND_MAKE_FILE:
	case LEND_MAKE_FOLDER:
	case LEND_MAKE_NODE:
	case LEND_MAKE_SYMLINK:
	case LEND_BIND:
	case LEND_REMOVE:
		return which == 0;
	case LEND_MOVE:
		return true;
	case LEND_KINDS:
		break;
	}
	return false;
}

static bool is_new(const struct lend_case *this, int which)
{
	uint16_t kind = this->request.kind;

	return is_name(this, which) && kind != LEND_REMOVE && kind != LEND_MOVE;
}

static bool has_second(const struct lend_case *this)
{
	return this->request.kind == LEND_LINK || this->request.kind == LEND_MOVE;
}

static int reopen(int object, int flags)
{
	char number[16];
	int fd;

	snprintf(number, sizeof(number), "%d", object);
	fd = openat(names, number, flags);
	return fd < 0 ? -errno : fd;
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
	       (one->st_mode & S_IFMT) == (other->st_mode & S_IFMT);
}

/* The kernel's own name for a descriptor. */
static bool read_path(int fd, char path[LEND_PATH_ROOM])
{
	char number[16];
	ssize_t size;

	snprintf(number, sizeof(number), "%d", fd);
	size = readlinkat(names, number, path, LEND_PATH_ROOM - 1);
	if (size <= 0 || size >= (ssize_t)AE_PATH_MAX || path[0] != '/')
		return false;
	path[size] = 0;
	return true;
}

/* The same object as it is mounted out here; -1 when its name leads to another one here. */
static int find_outside(int object)
{
	char path[LEND_PATH_ROOM];
	struct stat here;
	struct stat judged;
	ae_auto_fd int found = -1;

	if (!read_path(object, path))
		return -1;
	found = openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (found < 0 || fstat(found, &here) < 0 || fstat(object, &judged) < 0 ||
	    !is_same(&here, &judged))
		return -1;
	return fd_steal(&found);
}

/* The path `which` of the request is about, as it is now. */
static bool find_path(const struct lend_case *this, int which, char path[LEND_PATH_ROOM])
{
	const char *name = this->request.name[which];
	size_t size;

	if (!read_path(this->at[which], path))
		return false;
	if (!is_name(this, which))
		return true;
	size = strlen(path);
	if (size + 1 + strlen(name) >= AE_PATH_MAX)
		return false;
	snprintf(path + size, LEND_PATH_ROOM - size, "%s%s", size > 1 ? "/" : "", name);
	return true;
}

static int look_at(const struct lend_case *this, int which)
{
	return openat(this->at[which], this->request.name[which], O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_plain_name(const char name[LEND_NAME_ROOM])
{
	size_t size = strnlen(name, LEND_NAME_ROOM);

	return size > 0 && size < LEND_NAME_ROOM && !memchr(name, '/', size) &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* What may be opened or changed; links have an owner and times. */
static bool is_lent(const struct lend_case *this, mode_t type)
{
	uint32_t change = this->request.change.kind;

	if (this->request.kind == LEND_CONNECT)
		return S_ISSOCK(type);
	if (S_ISREG(type))
		return true;
	if (S_ISDIR(type))
		return this->request.kind != LEND_LINK;
	return S_ISLNK(type) && (this->request.kind == LEND_LINK ||
				 (this->request.kind == LEND_CHANGE &&
				  (change == CHANGE_OWNER || change == CHANGE_TIMES ||
				   change == CHANGE_TIMES_TO_NOW)));
}

static bool examine_object(struct lend_case *this, int which)
{
	struct stat status;

	if (fstat(this->at[which], &status) < 0 || status.st_nlink == 0 ||
	    !is_lent(this, status.st_mode))
		return false;
	this->type = status.st_mode;
	return true;
}

static bool examine_name(struct lend_case *this, int which)
{
	struct stat folder;
	struct stat status;

	if (!is_plain_name(this->request.name[which]) || fstat(this->at[which], &folder) < 0 ||
	    folder.st_nlink == 0 || !S_ISDIR(folder.st_mode))
		return false;
	this->seen[which] = look_at(this, which);
	if (this->seen[which] < 0)
		return errno == ENOENT && (is_new(this, which) || which == 1);
	if (is_new(this, which) || fstat(this->seen[which], &status) < 0)
		return false;
	if (which == 0)
		this->type = status.st_mode;
	return true;
}

static bool examine_at(struct lend_case *this, int which)
{
	int outside;

	if (this->at[which] < 0 || kernel_files_has(this->at[which]))
		return false;
	/* An open takes what it was given where it can. */
	outside = this->request.kind == LEND_OPEN ? -1 : find_outside(this->at[which]);
	if (outside >= 0) {
		close(this->at[which]);
		this->at[which] = outside;
	}
	return (is_name(this, which) ? examine_name(this, which) : examine_object(this, which)) &&
	       find_path(this, which, this->path[which]);
}

static bool is_socket(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

bool lend_case_examine(struct lend_case *this, const struct judge *judge)
{
	const char *const paths[2] = {this->path[0], this->path[1]};

	this->type = 0;
	if (!lend_is_sound(&this->request) || !examine_at(this, 0) ||
	    (this->request.kind == LEND_BIND && !is_socket(this->at[1])) ||
	    (has_second(this) && !examine_at(this, 1)))
		return false;
	return lend_parts_find(judge, &this->request, paths, S_ISDIR(this->type), &this->answer);
}

static bool is_as_seen(const struct lend_case *this, int which)
{
	ae_auto_fd int now = look_at(this, which);
	struct stat was;
	struct stat is;

	if (now < 0 || this->seen[which] < 0)
		return now < 0 && errno == ENOENT && this->seen[which] < 0;
	return fstat(now, &is) == 0 && fstat(this->seen[which], &was) == 0 && is_same(&is, &was);
}

bool lend_case_is_unchanged(const struct lend_case *this)
{
	char path[LEND_PATH_ROOM];

	for (int i = 0; i < (has_second(this) ? 2 : 1); i++) {
		if (!find_path(this, i, path) || strcmp(path, this->path[i]) != 0 ||
		    (is_name(this, i) && !is_as_seen(this, i)))
			return false;
	}
	return true;
}

static int open_object(const struct lend_case *this)
{
	int flags = lend_flags(this->request.flags);
	int fd = reopen(this->at[0], flags);
	ae_auto_fd int outside = fd == -EROFS ? find_outside(this->at[0]) : -1;

	return outside < 0 ? fd : reopen(outside, flags);
}

static int make_file(const struct lend_case *this)
{
	int flags = lend_flags(this->request.flags) | O_CREAT | O_EXCL | O_NOFOLLOW;
	int fd = openat(this->at[0], this->request.name[0], flags, this->request.mode & 07777);

	return fd < 0 ? -errno : fd;
}

static int link_object(const struct lend_case *this)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", this->at[0]);
	return linkat(names, number, this->at[1], this->request.name[1], AT_SYMLINK_FOLLOW);
}

/* An address has a path and no folder: it is looked up in the one that is held. */
static int bind_socket(const struct lend_case *this)
{
	const char *name = this->request.name[0];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t size = strlen(name);
	int error = 0;

	if (size >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, name, size);
	if (fchdir(this->at[0]) < 0)
		return -errno;
	if (bind(this->at[1], (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1)) < 0)
		error = -errno;
	return chdir("/") < 0 ? -errno : error;
}

static int perform(const struct lend_case *this, const void *value)
{
	const struct lend_request *request = &this->request;
	const char *const *name = (const char *const[]){request->name[0], request->name[1]};

	switch ((enum lend_kind)request->kind) {
	case LEND_OPEN:
		return open_object(this);
	case LEND_CHANGE:
		return change_apply(&request->change, value, this->at[0], this->type);
	case LEND_MAKE_FILE:
		return make_file(this);
	case LEND_LINK:
		return link_object(this) < 0 ? -errno : 0;
	case LEND_MAKE_FOLDER:
		return mkdirat(this->at[0], name[0], request->mode) < 0 ? -errno : 0;
	case LEND_MAKE_NODE:
		return mknodat(this->at[0], name[0], request->mode, request->device) < 0 ? -errno
											 : 0;
	case LEND_MAKE_SYMLINK:
		return symlinkat(request->text, this->at[0], name[0]) < 0 ? -errno : 0;
	case LEND_BIND:
		return bind_socket(this);
	case LEND_CONNECT:
		return 0;
	case LEND_REMOVE:
		return unlinkat(this->at[0], name[0], (int)request->flags) < 0 ? -errno : 0;
	case LEND_MOVE:
		return syscall(SYS_renameat2, this->at[0], name[0], this->at[1], name[1],
			       (unsigned int)request->flags) < 0
			       ? -errno
			       : 0;
	case LEND_KINDS:
		break;
	}
	return -ENOSYS;
}

int lend_case_perform(const struct lend_case *this, const void *value)
{
	mode_t before = umask((mode_t)this->request.umask);
	int result = perform(this, value);

	umask(before);
	return result;
}
