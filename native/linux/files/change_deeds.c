/*
 * Which change a call asks for, read before the caller is confirmed to be waiting still. Doing it
 * is change.c's.
 */
#include "change_deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/xattr.h>

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "../limits/limit_hits.h"
#include "../uapi.h"

enum { MICROSECONDS = 1000000 };

/* The answer when the caller's memory cannot be read. */
static int unreadable(int error)
{
	return error == -ESRCH ? ANSWER_NONE : -error;
}

static int read_size(struct request *request, struct change *change)
{
	struct rlimit limit;
	struct stat status;

	change->kind = CHANGE_SIZE;
	change->size = (off_t)request->data->args[1];
	/* The limit is the caller's, not ours; the signal that goes with it is not sent. */
	if (prlimit(request->caller.tid, RLIMIT_FSIZE, NULL, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY && change->size > 0 &&
	    (rlim_t)change->size > limit.rlim_cur &&
	    fstat(request->first.at.target.fd, &status) == 0 && change->size > status.st_size) {
		limit_hits_size(&request->caller, limit.rlim_cur);
		return EFBIG;
	}
	return 0;
}

static int read_mode(const struct request *request, struct change *change, int argument)
{
	change->kind = CHANGE_MODE;
	change->mode = (mode_t)request->data->args[argument] & 07777;
	return 0;
}

static int read_owner(const struct request *request, struct change *change, int argument)
{
	change->kind = CHANGE_OWNER;
	change->user = (uid_t)request->data->args[argument];
	change->group = (gid_t)request->data->args[argument + 1];
	return 0;
}

/* utimensat has its times in nanoseconds, futimesat and utimes in microseconds, utime in seconds.
 */
static int read_times(struct request *request, struct change *change, int argument)
{
	uint64_t address = request->data->args[argument];
	struct timespec *times = change->times;
	int64_t raw[4];
	bool is_utime = false;
	int error;

#ifdef SYS_utime
	is_utime = request->data->nr == SYS_utime;
#endif
	change->kind = address == 0 ? CHANGE_TIMES_TO_NOW : CHANGE_TIMES;
	if (address == 0)
		return 0;
	error = caller_read(&request->caller, address, raw, is_utime ? 16 : 32);
	if (error != 0)
		return unreadable(error);
	if (is_utime) {
		times[0] = (struct timespec){.tv_sec = raw[0]};
		times[1] = (struct timespec){.tv_sec = raw[1]};
		return 0;
	}
	times[0] = (struct timespec){.tv_sec = raw[0], .tv_nsec = raw[1]};
	times[1] = (struct timespec){.tv_sec = raw[2], .tv_nsec = raw[3]};
	if (request->data->nr == SYS_utimensat)
		return 0;
	if (raw[1] < 0 || raw[1] >= MICROSECONDS || raw[3] < 0 || raw[3] >= MICROSECONDS)
		return EINVAL;
	times[0].tv_nsec *= 1000;
	times[1].tv_nsec *= 1000;
	return 0;
}

static int read_name(struct request *request, struct change *change, int argument)
{
	ssize_t size = caller_read_string(&request->caller, request->data->args[argument],
					  change->name, sizeof(change->name));

	if (size == -ENAMETOOLONG || size == 0)
		return ERANGE;
	return size < 0 ? unreadable((int)size) : 0;
}

/* Where the value is, wherever the call has it. */
static int read_set(struct request *request, struct change *change, uint64_t *address,
		    uint64_t *size)
{
	struct {
		uint64_t value;
		uint32_t size;
		uint32_t flags;
	} packed;
	const __u64 *args = request->data->args;
	bool is_at = request->data->nr == SYS_setxattrat;
	int answer;
	int error;

	if (!is_at) {
		*address = args[2];
		*size = args[3];
		change->flags = (uint32_t)args[4];
	}
	answer = read_name(request, change, is_at ? 3 : 1);
	if (answer != 0 || !is_at)
		return answer;
	/* A longer struct than ours may ask for what we do not know. */
	if (args[5] != sizeof(packed))
		return args[5] < sizeof(packed) ? EINVAL : E2BIG;
	error = caller_read(&request->caller, args[4], &packed, sizeof(packed));
	if (error != 0)
		return unreadable(error);
	*address = packed.value;
	*size = packed.size;
	change->flags = packed.flags;
	return 0;
}

static int read_attribute(struct request *request, struct change *change, void **value)
{
	uint64_t address = 0;
	uint64_t size = 0;
	int answer = read_set(request, change, &address, &size);
	int error = 0;

	change->kind = CHANGE_SET_ATTRIBUTE;
	if (answer != 0)
		return answer;
	if (size > CHANGE_VALUE_MAX)
		return E2BIG;
	change->value_size = (uint32_t)size;
	*value = malloc(size + 1);
	if (!*value)
		return ENOMEM;
	if (size > 0)
		error = caller_read(&request->caller, address, *value, size);
	return error ? unreadable(error) : 0;
}

static int read_removed(struct request *request, struct change *change)
{
	change->kind = CHANGE_REMOVE_ATTRIBUTE;
	return read_name(request, change, request->data->nr == SYS_removexattrat ? 3 : 1);
}

/* The name of an attribute, and what is to be set, are read before a path is looked up. */
static int check_attribute(struct request *request, bool sets)
{
	struct change change = {0};
	uint64_t address = 0;
	uint64_t size = 0;
	int answer =
		sets ? read_set(request, &change, &address, &size) : read_removed(request, &change);

	if (sets && change.flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
		return EINVAL;
	if (answer != 0)
		return answer;
	return size > CHANGE_VALUE_MAX ? E2BIG : ANSWER_CONTINUE;
}

/* Who leaves both times as they are gets no look at the path. */
static int check_times(struct request *request)
{
	struct change change = {0};
	int answer = read_times(request, &change, 2);

	if (answer != 0)
		return answer;
	return change.kind == CHANGE_TIMES && change.times[0].tv_nsec == UTIME_OMIT &&
			       change.times[1].tv_nsec == UTIME_OMIT
		       ? ANSWER_DONE
		       : ANSWER_CONTINUE;
}

int change_check(struct request *request)
{
	switch (request->data->nr) {
	case SYS_truncate:
		return (int64_t)request->data->args[1] < 0 ? EINVAL : ANSWER_CONTINUE;
	case SYS_utimensat:
		return check_times(request);
	case SYS_setxattr:
	case SYS_lsetxattr:
	case SYS_fsetxattr:
	case SYS_setxattrat:
		return check_attribute(request, true);
	case SYS_removexattr:
	case SYS_lremovexattr:
	case SYS_fremovexattr:
	case SYS_removexattrat:
		return check_attribute(request, false);
	}
	return ANSWER_CONTINUE;
}

int change_read(struct request *request, struct change *change, void **value)
{
	memset(change, 0, sizeof(*change));
	*value = NULL;
	switch (request->data->nr) {
	case SYS_truncate:
		return read_size(request, change);
	case SYS_fchmodat:
	case SYS_fchmodat2:
		return read_mode(request, change, 2);
	case SYS_fchownat:
		return read_owner(request, change, 2);
	case SYS_utimensat:
		return read_times(request, change, 2);
	case SYS_fchmod:
		return read_mode(request, change, 1);
	case SYS_fchown:
		return read_owner(request, change, 1);
#ifdef SYS_open
	case SYS_chmod:
		return read_mode(request, change, 1);
	case SYS_chown:
	case SYS_lchown:
		return read_owner(request, change, 1);
	case SYS_utime:
	case SYS_utimes:
		return read_times(request, change, 1);
	case SYS_futimesat:
		return read_times(request, change, 2);
#endif
	case SYS_setxattr:
	case SYS_lsetxattr:
	case SYS_fsetxattr:
	case SYS_setxattrat:
		return read_attribute(request, change, value);
	case SYS_removexattr:
	case SYS_lremovexattr:
	case SYS_fremovexattr:
	case SYS_removexattrat:
		return read_removed(request, change);
	}
	return ENOSYS;
}

void change_tell_limit(struct request *request)
{
	struct change change;

	/* ignored: who is refused hears it from the kernel */
	if (request->data->nr == SYS_truncate)
		(void)read_size(request, &change);
}

int change_perform(struct request *request)
{
	const struct target *target = &request->first.at.target;
	ae_auto_free void *value = NULL;
	struct change change;
	int answer = change_read(request, &change, &value);

	if (answer == 0)
		answer = broker_confirm(request);
	if (answer != 0)
		return answer;
	answer = change_apply(&change, value, target->fd, target->mode);
	return answer < 0 ? -answer : ANSWER_DONE;
}
