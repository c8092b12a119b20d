/*
 * The program comes from the plan as it is; the kernel checks that it is one. A killable wait is
 * asked for because a signal between the broker's deed and its answer would make the caller repeat
 * what has been done.
 */
#include "seccomp.h"

#include <errno.h>

#include "../uapi.h"

int seccomp_install(const struct plan *plan, bool listen)
{
	struct sock_fprog program = {
		.len = (unsigned short)plan->filter_size,
		.filter = plan->filter,
	};
	unsigned int flags = listen ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
	int result = -1;

	if (listen)
		result = uapi_seccomp(SECCOMP_SET_MODE_FILTER,
				      flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
	/* Before 5.19 the kernel does not know the killable wait. */
	if (!listen || (result < 0 && errno == EINVAL))
		result = uapi_seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
	return result < 0 ? -errno : result;
}
