/* The bits lie in a register, but for openat2, which is only believed where it is performed. */
#include "set_id.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static bool has_bits(uint64_t mode)
{
	return mode & (S_ISUID | S_ISGID);
}

bool set_id_is_made(const struct request *request, mode_t mode)
{
	return !request->rules->only_watches && has_bits(mode);
}

bool set_id_is_given(const struct request *request)
{
	const __u64 *arguments = request->data->args;

	if (request->rules->only_watches)
		return false;
	switch (request->data->nr) {
	case SYS_fchmodat:
	case SYS_fchmodat2:
		return has_bits(arguments[2]);
	case SYS_fchmod:
#ifdef SYS_chmod
	case SYS_chmod:
#endif
		return has_bits(arguments[1]);
	default:
		return false;
	}
}

int set_id_refuse(struct request *request)
{
	const struct target *target = &request->first.at.target;

	if (target->state == TARGET_FAILS)
		return request_fails(request, ACTION_FILE_WRITE, &request->first, target->error);
	request_refuse(request, ACTION_FILE_WRITE, &request->first, JUDGE_SET_ID);
	return EPERM;
}
