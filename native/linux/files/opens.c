/*
 * Failures that the kernel would report as well are answered here: the caller's memory is then not
 * read a second time, and a row never claims an access that could not happen.
 *
 * An open that may make or change a file is performed here when the plan says so, because a second
 * reading of the caller's memory could find another name, and a file may have others elsewhere. The
 * same goes for every openat2 of a confined box, whose flags and mode are in memory too: the kernel
 * could be made to read another one. What exists is opened through the very object that was judged;
 * what does not is made with O_EXCL in the directory that was judged, so neither can be another
 * one.
 */
#include "opens.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../ask/askable.h"
#include "../ask/asks.h"
#include "../judge/proc.h"
#include "../limits/limit_hits.h"
#include "set_id.h"

enum { ATTEMPTS_MAX = 3, MODE_BITS = 07777 };

/* C libraries for 64 bits name it 0; the kernel does not. */
#if defined(__x86_64__)
#define AE_O_LARGEFILE 0100000
#else
#define AE_O_LARGEFILE 0400000
#endif

/* What openat2 takes; it refuses other bits, where the older calls ignore them. */
#define OPEN_FLAGS_KNOWN                                                                           \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |      \
	 O_ASYNC | O_DIRECT | AE_O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |  \
	 O_PATH | AE_O_TMPFILE)

/* O_TMPFILE has two, so that kernels without it refuse to open a folder for writing. */
#define TMPFILE_BIT (AE_O_TMPFILE & ~O_DIRECTORY)

#define RESOLVE_KNOWN                                                                              \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |         \
	 RESOLVE_IN_ROOT | RESOLVE_CACHED)

static bool is_creating(uint64_t flags)
{
	return (flags & O_CREAT) && !(flags & O_PATH) && !opener_is_temporary(flags);
}

static bool makes_file(uint64_t flags)
{
	return is_creating(flags) || opener_is_temporary(flags);
}

static bool reads(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_TRUNC | O_CREAT)) ||
	       opener_is_temporary(flags);
}

/* What only openat2 refuses: the older calls let it pass and take no notice. */
static bool is_odd_how(const struct open_how *how)
{
	static const uint64_t scopes = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
	bool makes = (how->flags & O_CREAT) || opener_is_temporary(how->flags);

	return (how->mode & ~(makes ? (uint64_t)MODE_BITS : 0)) ||
	       (how->resolve & ~(uint64_t)RESOLVE_KNOWN) || (how->resolve & scopes) == scopes ||
	       (how->flags & O_PATH &&
		how->flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/* A file without a name needs both bits, and is written. */
static bool is_odd_temporary(uint64_t flags)
{
	return flags & TMPFILE_BIT && !(flags & O_PATH) &&
	       (!(flags & O_DIRECTORY) || (flags & O_ACCMODE) == O_RDONLY);
}

/* Older kernels made a file all the same. */
static bool makes_folder(uint64_t flags)
{
	return flags & O_CREAT && flags & O_DIRECTORY && !(flags & O_PATH);
}

static int read_how(struct request *request, struct opening *opening)
{
	struct open_how how;
	int error;

	/* A longer struct than ours may ask for what we do not know. */
	if (request->data->args[3] != sizeof(how))
		return request->data->args[3] < sizeof(how) ? EINVAL : E2BIG;
	error = caller_read(&request->caller, request->data->args[2], &how, sizeof(how));
	if (error != 0)
		return error == -ESRCH ? ANSWER_NONE : -error;
	if ((how.flags & ~(uint64_t)OPEN_FLAGS_KNOWN) || is_odd_how(&how) ||
	    makes_folder(how.flags) || is_odd_temporary(how.flags))
		return EINVAL;
	if (how.resolve & RESOLVE_CACHED && how.flags & (O_CREAT | O_TRUNC | TMPFILE_BIT))
		return EAGAIN;
	*opening = (struct opening){how.flags, how.resolve, (mode_t)how.mode};
	return 0;
}

int opens_read(struct request *request, struct opening *opening)
{
	const struct call *call = request->call;
	int answer = 0;

	if (call->kind == CALL_CREAT)
		opening->flags = O_CREAT | O_WRONLY | O_TRUNC;
	else if (call->kind == CALL_OPEN)
		opening->flags = (uint32_t)request_argument(request, call->flags);
	else
		answer = read_how(request, opening);
	if (call->kind != CALL_OPENAT2)
		opening->mode = (mode_t)request_argument(request, call->mode) & MODE_BITS;
	request->flags = (uint32_t)opening->flags;
	return answer;
}

/*
 * Who may neither read nor write needs both, which the row of writing says. What forbids reading is
 * the reason even so, where writing lacks only a permit.
 */
static bool is_reading_refused(const struct request *request, struct verdict reading)
{
	struct verdict writing;

	if (reading.allowed)
		return false;
	writing = request_judge(request, ACTION_FILE_WRITE, &request->first.at.target);
	return writing.allowed || (reading.rule != JUDGE_NO_RULE && writing.rule == JUDGE_NO_RULE);
}

/* Reading and writing are both judged; one row says it, because writing is what matters. */
static int judge_content(struct request *request, bool read, bool write)
{
	const struct named *named = &request->first;
	enum action action = write ? ACTION_FILE_WRITE : ACTION_FILE_READ;

	if (named->at.target.is_memory)
		return ANSWER_CONTINUE;
	if (read && write) {
		struct verdict verdict =
			request_judge(request, ACTION_FILE_READ, &named->at.target);

		if (is_reading_refused(request, verdict)) {
			request_refuse(request, ACTION_FILE_READ, named, verdict.rule);
			return EACCES;
		}
	}
	return request_consider(request, action, named) ? ANSWER_CONTINUE : EACCES;
}

static int judge_existing(struct request *request, uint64_t flags)
{
	const struct named *named = &request->first;
	mode_t mode = named->at.target.mode;

	if (is_creating(flags) && (flags & O_EXCL))
		return EEXIST;
	if (S_ISLNK(mode))
		return request_fails(request, ACTION_FILE_READ, named,
				     flags & O_DIRECTORY ? ENOTDIR : ELOOP);
	if (S_ISDIR(mode)) {
		if (opener_is_temporary(flags))
			return judge_content(request, reads(flags), true);
		if (writes(flags))
			return request_fails(request, ACTION_FILE_WRITE, named, EISDIR);
		return request_consider(request, ACTION_DIR_LIST, named) ? ANSWER_CONTINUE : EACCES;
	}
	if (flags & O_DIRECTORY)
		return request_fails(request, ACTION_DIR_LIST, named, ENOTDIR);
	/* O_CREAT on what exists creates nothing. */
	return judge_content(request, reads(flags), writes(flags & ~(uint64_t)O_CREAT));
}

/* A new file's name cannot end in a slash, whatever it leads to, if only its directory is there. */
static bool is_slashed(struct request *request, const struct place *place)
{
	struct named *named = &request->first;
	struct place name = *place;

	if (named->text_size == 0 || named->text[named->text_size - 1] != '/')
		return false;
	name.path = named->text;
	return resolve_entry(&request->caller, &name, &named->at) == 0 &&
	       named->at.target.state != TARGET_FAILS && named->at.name[0] != 0;
}

static int judge(struct request *request, uint64_t flags)
{
	const struct named *named = &request->first;
	const struct target *target = &named->at.target;

	switch (target->state) {
	case TARGET_EXISTS:
		return judge_existing(request, flags);
	case TARGET_MISSING:
		if (is_creating(flags))
			return judge_content(request, reads(flags), true);
		/* fall through */
	case TARGET_FAILS:
		return request_fails(request, writes(flags) ? ACTION_FILE_WRITE : ACTION_FILE_READ,
				     named, target->error);
	case TARGET_NO_FILE:
		break;
	}
	return ANSWER_CONTINUE;
}

/* Of a file that should be new: what is there already fails by itself, whatever is forbidden. */
static bool is_there(struct request *request)
{
	const struct target *target = &request->first.at.target;
	struct stat status;

	if (target->state != TARGET_MISSING ||
	    fstatat(target->fd, strrchr(target->path, '/') + 1, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	request->frame_count = 0;
	return true;
}

/* Resolves, judges, performs. EAGAIN: somebody outside the box made the name in between. */
static int attempt(struct request *request, const struct opening *opening, bool performs)
{
	uint64_t flags = opening->flags;
	bool is_new = is_creating(flags) && (flags & O_EXCL);
	struct place place = {
		.directory = request_directory(request, request->call->directory),
		.no_follow = (flags & O_NOFOLLOW) || is_new,
		/* Making it finds out. */
		.is_new = is_new && performs,
		.resolve = opening->resolve,
	};
	int answer = request_resolve(request, request->call->path, place, &request->first);

	/* Nothing is looked at where there is no name. */
	if (answer == 0 && request->first.text_size == 0)
		request->first.at.target.error = ENOENT;
	if (answer == 0 && is_creating(flags) && is_slashed(request, &place))
		return request_fails(request, ACTION_FILE_WRITE, &request->first, EISDIR);
	if (answer == 0 && makes_file(flags) && set_id_is_made(request, opening->mode))
		return set_id_refuse(request);
	if (answer == 0)
		answer = judge(request, flags);
	if (answer == EACCES && place.is_new && is_there(request))
		return EEXIST;
	if (answer == EACCES && performs && asks_about(request, opening))
		return asks_start(request, opening);
	if (performs)
		answer = askable_answer(request, answer);
	if (answer != ANSWER_CONTINUE || !performs)
		return answer;
	if (request->first.at.target.state == TARGET_EXISTS &&
	    !proc_lets_open(&request->caller, &request->first.at.target)) {
		request_refuse(request, ACTION_FILE_READ, &request->first, JUDGE_NO_RULE);
		return EACCES;
	}
	if (request->first.at.target.state != TARGET_MISSING)
		return opener_open(request, opening);
	answer = opener_make(request, opening);
	return answer == EEXIST && !is_new ? EAGAIN : answer;
}

static int answer(struct request *request)
{
	struct opening opening = {0};
	int given = opens_read(request, &opening);
	bool in_memory = request->call->kind == CALL_OPENAT2;
	bool performs = request->rules->broker_open ||
			(in_memory && !request->rules->only_watches) ||
			(request->rules->broker_create && writes(opening.flags));

	if (given != 0)
		return given;
	/*
	 * An O_PATH descriptor opens nothing; what is done with it is judged then. The kernel hands
	 * none over, so openat2, whose flags are in memory, is sent to openat, whose are no secret.
	 */
	if (opening.flags & O_PATH)
		return performs && in_memory ? ENOSYS : ANSWER_CONTINUE;
	if (is_odd_temporary(opening.flags) || (performs && makes_folder(opening.flags)))
		return EINVAL;
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		request->frame_count = 0;
		given = attempt(request, &opening, performs);
		if (given != EAGAIN)
			break;
	}
	return given;
}

int opens_answer(struct request *request)
{
	int given = answer(request);

	limit_hits_open(&request->caller, given);
	return given;
}

bool opens_makes(const struct request *request)
{
	return is_creating(request_argument(request, request->call->flags));
}
