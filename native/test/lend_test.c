/* What the lender takes and says, byte by byte, and that it opens nothing it could make. */
#include "../linux/lend_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "builder.h"
#include "check.h"

enum { READ = 1 << ACTION_FILE_READ, WRITE = 1 << ACTION_FILE_WRITE, LIST = 1 << ACTION_DIR_LIST };

static const struct {
	const char *name;
	uint64_t flags;
	bool is_directory;
	uint16_t actions;
} opens[] = {
	{"reading", O_RDONLY, false, READ},
	{"reading without waiting", O_RDONLY | O_NONBLOCK | O_CLOEXEC, false, READ},
	{"writing", O_WRONLY | O_APPEND, false, WRITE},
	{"both", O_RDWR, false, READ | WRITE},
	{"emptying by reading", O_RDONLY | O_TRUNC, false, READ | WRITE},
	{"listing", O_RDONLY | O_DIRECTORY, true, LIST},
	{"listing without saying so", O_RDONLY, true, LIST},
	{"writing a folder", O_RDWR, true, 0},
	{"listing a file", O_RDONLY | O_DIRECTORY, false, 0},
	{"making", O_WRONLY | O_CREAT, false, 0},
	{"making without a name", O_WRONLY | 020000000 | O_DIRECTORY, true, 0},
	{"no opening", O_PATH, false, 0},
	{"no access", O_ACCMODE, false, 0},
	{"more bits than there are", 1ull << 32, false, 0},
};

static void test_actions(void)
{
	for (size_t i = 0; i < sizeof(opens) / sizeof(*opens); i++)
		check(lend_actions(opens[i].flags, opens[i].is_directory) == opens[i].actions, "%s",
		      opens[i].name);
	check(!(lend_flags(~0ull) & (O_CREAT | O_EXCL | 020000000 | O_NOFOLLOW)), "kept flags");
	check(lend_flags(0) == (O_CLOEXEC | O_NOCTTY), "added flags");
}

static void test_question(void)
{
	static const char expected[] = "\x1c\0\0\0"
				       "\1\0"
				       "\0\0"
				       "\7\0\0\0"
				       "\x09\0\0\0"
				       "\2\0"
				       "\0\0"
				       "\2\0/x"
				       "\2\0/y";
	unsigned char frame[LEND_QUESTION_MAX];
	struct lend_question question = {7, 9, WRITE, "/x", 2, "/y", 2};

	check(lend_write_question(frame, &question) == sizeof(expected) - 1, "its size");
	check(!memcmp(frame, expected, sizeof(expected) - 1), "a question");
	question.path_size = AE_PATH_MAX + 1;
	check(lend_write_question(frame, &question) == 0, "a path that is too long");
	lend_write_withdrawal(frame, 7);
	check(!memcmp(frame, "\x0c\0\0\0\2\0\0\0\7\0\0\0", LEND_WITHDRAWAL_SIZE), "a withdrawal");
}

/* Of any eight bytes only those are an answer that name one. */
static void test_answers(void)
{
	struct lend_answer answer;
	uint32_t seed = 1;

	check(lend_read_answer((const unsigned char *)"\7\0\0\0\2\0\0\0", &answer) &&
		      answer.id == 7 && answer.verdict == LEND_SESSION,
	      "an answer");
	for (int i = 0; i < 1000000; i++) {
		unsigned char bytes[LEND_ANSWER_SIZE];
		uint32_t verdict;

		for (size_t at = 0; at < sizeof(bytes); at++) {
			seed = seed * 1103515245u + 12345u;
			bytes[at] = (unsigned char)(seed >> 16);
			if (at > 4 && seed >> 30)
				bytes[at] = 0;
		}
		memcpy(&verdict, bytes + 4, sizeof(verdict));
		check(lend_read_answer(bytes, &answer) == (verdict < LEND_VERDICTS), "any bytes");
	}
}

static int parse_asking(uint32_t notify, uint32_t reserved)
{
	static struct builder builder;
	struct plan plan;
	const char *why;
	int error;

	build_begin(&builder);
	build_namespaces(&builder, 0);
	build_filter(&builder, 1);
	build_notify(&builder, notify);
	build_command(&builder);
	build_record(&builder, 18, 0);
	build_u32(&builder, reserved);
	build_record_end(&builder);
	build_end(&builder);
	error = plan_parse(builder.data, builder.size, &plan, &why);
	check(error != 0 || plan.asks, "a plan that asks");
	plan_free(&plan);
	return error;
}

static void test_plan(void)
{
	const uint32_t brokered = NOTIFY_BROKER_CREATE | NOTIFY_BROKER_OPEN;

	check(parse_asking(brokered, 0) == 0, "asking");
	check(parse_asking(NOTIFY_BROKER_CREATE, 0) == -EINVAL, "asking without brokered opens");
	check(parse_asking(brokered, 1) == -EINVAL, "asking with an unknown flag");
}

int main(void)
{
	test_plan();
	test_actions();
	test_question();
	test_answers();
	return 0;
}
