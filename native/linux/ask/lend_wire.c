/* Bytes and bits only: nothing here touches a descriptor, so that it can be tested by itself. */
#include "lend_wire.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

#include "../../common/wire.h"

enum { KIND_QUESTION = 1, KIND_WITHDRAWAL = 2 };

/* Not named by every C library. */
#define AE_O_TMPFILE_BIT 020000000u

size_t lend_write_question(unsigned char frame[LEND_QUESTION_MAX],
			   const struct lend_question *question)
{
	size_t at = wire_header(frame, (enum wire_kind)KIND_QUESTION);

	if (question->path_size > AE_PATH_MAX || question->exe_size > AE_PATH_MAX ||
	    question->other_size > AE_PATH_MAX)
		return 0;
	at = wire_u32(frame, at, question->id);
	at = wire_u32(frame, at, question->pid);
	at = wire_u16(frame, at, question->actions);
	at = wire_u16(frame, at, question->deed);
	at = wire_str(frame, at, question->path, question->path_size);
	at = wire_str(frame, at, question->exe, question->exe_size);
	at = wire_str(frame, at, question->other, question->other_size);
	wire_finish(frame, at);
	return at;
}

void lend_write_withdrawal(unsigned char frame[LEND_WITHDRAWAL_SIZE], uint32_t id)
{
	size_t at = wire_header(frame, (enum wire_kind)KIND_WITHDRAWAL);

	wire_finish(frame, wire_u32(frame, at, id));
}

bool lend_read_answer(const unsigned char bytes[LEND_ANSWER_SIZE], struct lend_answer *answer)
{
	uint32_t verdict;

	memcpy(&answer->id, bytes, sizeof(answer->id));
	memcpy(&verdict, bytes + sizeof(answer->id), sizeof(verdict));
	if (verdict >= LEND_VERDICTS)
		return false;
	answer->verdict = (enum lend_verdict)verdict;
	return true;
}

/* A whiteout is a device, by whatever call it is made. */
static bool is_plain_deed(const struct lend_request *request)
{
	mode_t type = request->mode & S_IFMT;

	if (request->kind == LEND_REMOVE)
		return !(request->flags & ~(uint64_t)AT_REMOVEDIR);
	if (request->kind == LEND_MOVE)
		return !(request->flags & ~(uint64_t)(RENAME_NOREPLACE | RENAME_EXCHANGE));
	return request->kind != LEND_MAKE_NODE || type == 0 || type == S_IFREG || type == S_IFIFO ||
	       type == S_IFSOCK;
}

bool lend_is_sound(const struct lend_request *request)
{
	return request->kind < LEND_KINDS && request->change.kind < CHANGE_KINDS &&
	       request->exe_size < AE_PATH_MAX && memchr(request->text, 0, AE_PATH_MAX) &&
	       memchr(request->change.name, 0, sizeof(request->change.name)) &&
	       request->change.value_size <= CHANGE_VALUE_MAX && is_plain_deed(request);
}

uint16_t lend_actions(uint64_t flags, bool is_directory)
{
	uint64_t mode = flags & O_ACCMODE;
	bool writes = mode != O_RDONLY || (flags & O_TRUNC);
	uint16_t actions = 0;

	if (mode == O_ACCMODE || flags >> 32 || (flags & (O_CREAT | O_PATH | AE_O_TMPFILE_BIT)))
		return 0;
	if (is_directory)
		return writes ? 0 : 1 << ACTION_DIR_LIST;
	if (flags & O_DIRECTORY)
		return 0;
	if (mode != O_WRONLY)
		actions |= 1 << ACTION_FILE_READ;
	if (writes)
		actions |= 1 << ACTION_FILE_WRITE;
	return actions;
}

uint16_t lend_deed(const struct lend_request *request, bool is_second)
{
	enum { OPEN, MAKE, REMOVE, LEAVE, ARRIVE, GIVE_NAME, BECOME_NAME, POINT, CHANGES };

	switch ((enum lend_kind)request->kind) {
	case LEND_OPEN:
	case LEND_KINDS:
		break;
	case LEND_CHANGE:
		return (uint16_t)(CHANGES + request->change.kind);
	case LEND_LINK:
		return is_second ? BECOME_NAME : GIVE_NAME;
	case LEND_MAKE_FILE:
	case LEND_MAKE_FOLDER:
	case LEND_MAKE_NODE:
	case LEND_BIND:
		return MAKE;
	case LEND_CONNECT:
		return CHANGES + CHANGE_KINDS;
	case LEND_MAKE_SYMLINK:
		return POINT;
	case LEND_REMOVE:
		return REMOVE;
	case LEND_MOVE:
		return is_second ? ARRIVE : LEAVE;
	}
	return OPEN;
}

int lend_flags(uint64_t flags)
{
	const int kept = O_ACCMODE | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | O_DIRECT |
			 O_DIRECTORY | O_NOATIME;

	return ((int)flags & kept) | O_CLOEXEC | O_NOCTTY;
}
