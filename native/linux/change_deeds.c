/*
 * An O_PATH descriptor names the object, and few calls take one. Those that follow a link get its
 * name under /proc/self/fd, which leads to that object and no other. A symbolic link itself can
 * only be changed by the two calls that take an empty path; no call of an unprivileged program
 * changes more of it.
 *
 * All of the caller's memory is read before it is confirmed to be waiting still, and once.
 */
#include "change_deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "../common/fd.h"
#include "broker.h"
#include "uapi.h"

/* XATTR_NAME_MAX + 1 and XATTR_SIZE_MAX of Linux. */
enum { XATTR_NAME_ROOM = 256, XATTR_VALUE_MAX = 65536, MICROSECONDS = 1000000 };

/* A name for the object that every call takes. */
struct handle {
	char path[32];
};

static struct handle handle_of(const struct request *request)
{
	struct handle handle;

	snprintf(handle.path, sizeof(handle.path), "/proc/self/fd/%d", request->first.at.target.fd);
	return handle;
}

static bool is_link(const struct request *request)
{
	return S_ISLNK(request->first.at.target.mode);
}

static int done(long result)
{
	return result < 0 ? errno : ANSWER_DONE;
}

/* The answer when the caller's memory cannot be read. */
static int unreadable(int error)
{
	return error == -ESRCH ? ANSWER_NONE : -error;
}

static int perform_truncate(struct request *request)
{
	off_t size = (off_t)request->data->args[1];
	struct rlimit limit;
	struct stat status;
	int answer = 0;

	/* The limit is the caller's, not ours; the signal that goes with it is not sent. */
	if (prlimit(request->caller.tid, RLIMIT_FSIZE, NULL, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY && size > 0 && (rlim_t)size > limit.rlim_cur &&
	    fstat(request->first.at.target.fd, &status) == 0 && size > status.st_size)
		return EFBIG;
	answer = broker_confirm(request);
	return answer ? answer : done(truncate(handle_of(request).path, size));
}

static int perform_mode(struct request *request, int argument)
{
	mode_t mode = (mode_t)request->data->args[argument] & 07777;
	int answer = broker_confirm(request);

	if (answer != 0)
		return answer;
	if (is_link(request))
		return EOPNOTSUPP;
	return done(chmod(handle_of(request).path, mode));
}

static int perform_owner(struct request *request, int argument)
{
	uid_t user = (uid_t)request->data->args[argument];
	gid_t group = (gid_t)request->data->args[argument + 1];
	int answer = broker_confirm(request);

	if (answer != 0)
		return answer;
	return done(fchownat(request->first.at.target.fd, "", user, group, AT_EMPTY_PATH));
}

static int set_times(struct request *request, const struct timespec *times)
{
	int answer = broker_confirm(request);

	if (answer != 0)
		return answer;
	if (is_link(request))
		return done(syscall(SYS_utimensat, request->first.at.target.fd, "", times,
				    AT_EMPTY_PATH));
	return done(utimensat(AT_FDCWD, handle_of(request).path, times, 0));
}

/* utimensat has its times in nanoseconds, futimesat and utimes in microseconds, utime in seconds.
 */
static int perform_times(struct request *request, int argument)
{
	uint64_t address = request->data->args[argument];
	int64_t raw[4];
	struct timespec times[2];
	bool is_utime = false;
	int error;

#ifdef SYS_utime
	is_utime = request->data->nr == SYS_utime;
#endif
	if (address == 0)
		return set_times(request, NULL);
	error = caller_read(&request->caller, address, raw, is_utime ? 16 : 32);
	if (error != 0)
		return unreadable(error);
	if (is_utime) {
		times[0] = (struct timespec){.tv_sec = raw[0]};
		times[1] = (struct timespec){.tv_sec = raw[1]};
		return set_times(request, times);
	}
	times[0] = (struct timespec){.tv_sec = raw[0], .tv_nsec = raw[1]};
	times[1] = (struct timespec){.tv_sec = raw[2], .tv_nsec = raw[3]};
	if (request->data->nr != SYS_utimensat) {
		if (raw[1] < 0 || raw[1] >= MICROSECONDS || raw[3] < 0 || raw[3] >= MICROSECONDS)
			return EINVAL;
		times[0].tv_nsec *= 1000;
		times[1].tv_nsec *= 1000;
	}
	return set_times(request, times);
}

static int read_name(struct request *request, int argument, char name[XATTR_NAME_ROOM])
{
	ssize_t size = caller_read_string(&request->caller, request->data->args[argument], name,
					  XATTR_NAME_ROOM);

	if (size == -ENAMETOOLONG || size == 0)
		return ERANGE;
	return size < 0 ? unreadable((int)size) : 0;
}

/* What is set, wherever the call has it. */
struct attribute {
	char name[XATTR_NAME_ROOM];
	uint64_t value;
	uint64_t size;
	uint32_t flags;
};

static int read_attribute(struct request *request, struct attribute *attribute)
{
	struct {
		uint64_t value;
		uint32_t size;
		uint32_t flags;
	} packed;
	const __u64 *args = request->data->args;
	bool is_at = request->data->nr == SYS_setxattrat;
	int answer = read_name(request, is_at ? 3 : 1, attribute->name);
	int error;

	if (answer != 0)
		return answer;
	if (!is_at) {
		attribute->value = args[2];
		attribute->size = args[3];
		attribute->flags = (uint32_t)args[4];
		return 0;
	}
	/* A longer struct than ours may ask for what we do not know. */
	if (args[5] != sizeof(packed))
		return args[5] < sizeof(packed) ? EINVAL : E2BIG;
	error = caller_read(&request->caller, args[4], &packed, sizeof(packed));
	if (error != 0)
		return unreadable(error);
	attribute->value = packed.value;
	attribute->size = packed.size;
	attribute->flags = packed.flags;
	return 0;
}

static int perform_set_attribute(struct request *request)
{
	struct attribute attribute;
	ae_auto_free void *value = NULL;
	int answer = read_attribute(request, &attribute);
	int error = 0;

	if (answer != 0)
		return answer;
	if (attribute.size > XATTR_VALUE_MAX)
		return E2BIG;
	value = malloc(attribute.size + 1);
	if (!value)
		return ENOMEM;
	if (attribute.size > 0)
		error = caller_read(&request->caller, attribute.value, value, attribute.size);
	if (error != 0)
		return unreadable(error);
	answer = broker_confirm(request);
	if (answer != 0)
		return answer;
	if (is_link(request))
		return EPERM;
	return done(setxattr(handle_of(request).path, attribute.name, value, attribute.size,
			     (int)attribute.flags));
}

static int perform_remove_attribute(struct request *request)
{
	bool is_at = request->data->nr == SYS_removexattrat;
	char name[XATTR_NAME_ROOM];
	int answer = read_name(request, is_at ? 3 : 1, name);

	if (answer == 0)
		answer = broker_confirm(request);
	if (answer != 0)
		return answer;
	if (is_link(request))
		return EPERM;
	return done(removexattr(handle_of(request).path, name));
}

int change_perform(struct request *request)
{
	switch (request->data->nr) {
	case SYS_truncate:
		return perform_truncate(request);
	case SYS_fchmodat:
	case SYS_fchmodat2:
		return perform_mode(request, 2);
	case SYS_fchownat:
		return perform_owner(request, 2);
	case SYS_utimensat:
		return perform_times(request, 2);
	case SYS_fchmod:
		return perform_mode(request, 1);
	case SYS_fchown:
		return perform_owner(request, 1);
#ifdef SYS_open
	case SYS_chmod:
		return perform_mode(request, 1);
	case SYS_chown:
	case SYS_lchown:
		return perform_owner(request, 1);
	case SYS_utime:
	case SYS_utimes:
		return perform_times(request, 1);
	case SYS_futimesat:
		return perform_times(request, 2);
#endif
	case SYS_setxattr:
	case SYS_lsetxattr:
	case SYS_fsetxattr:
	case SYS_setxattrat:
		return perform_set_attribute(request);
	case SYS_removexattr:
	case SYS_lremovexattr:
	case SYS_fremovexattr:
	case SYS_removexattrat:
		return perform_remove_attribute(request);
	}
	return ENOSYS;
}
