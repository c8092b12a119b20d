/*
 * The kernel refuses without telling anybody but the caller. Whoever has as many open files as he
 * may have gets no more, which is seen before he is answered; each limit is told of once.
 */
#include "limit_hits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../common/fd.h"
#include "../judge/request.h"
#include "limits.h"

/* What everybody has who asked for nothing is too far away to be looked at with every open. */
enum { FILES_USUAL = 65536 };

static struct {
	/* 0: none. */
	uint64_t files;
	/* Looked at with every open, not only when one has failed. */
	bool looks;
	uint64_t file_size;
	atomic_bool has_told_files;
	atomic_bool has_told_size;
} hits;

void limit_hits_start(const struct plan *plan)
{
	const struct plan_limit *files = &plan->limits[LIMIT_FILES];
	const struct plan_limit *size = &plan->limits[LIMIT_FILE_SIZE];

	if (files->means & BY_RLIMIT)
		hits.files = files->value;
	hits.looks = hits.files < FILES_USUAL;
	if (size->means & BY_RLIMIT)
		hits.file_size = size->value;
}

/* Before Linux 6.2 the folder does not tell: 0. */
static uint64_t count_open(const struct caller *caller)
{
	ae_auto_fd int fd = caller_open(caller, "fd", O_PATH | O_DIRECTORY);
	struct stat status;

	return fd < 0 || fstat(fd, &status) < 0 ? 0 : (uint64_t)status.st_size;
}

void limit_hits_open(const struct caller *caller, int answer)
{
	uint64_t count;

	if (!hits.files || hits.has_told_files ||
	    (answer != EMFILE && (answer != ANSWER_CONTINUE || !hits.looks)))
		return;
	count = count_open(caller);
	if (count == 0 && answer == EMFILE)
		count = hits.files;
	if (count < hits.files || atomic_exchange(&hits.has_told_files, true))
		return;
	limits_report(LIMIT_FILES, EFFECT_REFUSED, hits.files, count, caller->tid);
}

/* A limit of its own that is lower is not the box's. */
void limit_hits_end(const siginfo_t *child)
{
	struct rlimit limit;

	if ((child->si_code != CLD_KILLED && child->si_code != CLD_DUMPED) ||
	    child->si_status != SIGXFSZ || !hits.file_size ||
	    prlimit(child->si_pid, RLIMIT_FSIZE, NULL, &limit) < 0 ||
	    limit.rlim_cur != hits.file_size || atomic_exchange(&hits.has_told_size, true))
		return;
	limits_report(LIMIT_FILE_SIZE, EFFECT_REFUSED, hits.file_size, hits.file_size,
		      child->si_pid);
}

void limit_hits_size(const struct caller *caller, uint64_t limit)
{
	if (limit != hits.file_size || atomic_exchange(&hits.has_told_size, true))
		return;
	limits_report(LIMIT_FILE_SIZE, EFFECT_REFUSED, limit, limit, caller->tid);
}
