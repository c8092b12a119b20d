/* What the lender takes and says, byte by byte, and what it takes for permitted, forbidden or
 * asked. */
#include "../linux/ask/lend_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

#include "../linux/ask/lend_parts.h"
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
	static const char expected[] = "\x20\0\0\0"
				       "\1\0"
				       "\0\0"
				       "\7\0\0\0"
				       "\x09\0\0\0"
				       "\2\0"
				       "\3\0"
				       "\2\0/x"
				       "\2\0/y"
				       "\2\0/z";
	unsigned char frame[LEND_QUESTION_MAX];
	struct lend_question question = {7, 9, WRITE, 3, "/x", 2, "/y", 2, "/z", 2};

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

/* Everything in /w is permitted but /w/keep; nothing is said of /o but what is forbidden in it. */
static const struct plan_atom places[] = {
	{.kind = ATOM_PATH_IN, .size = 2, .text = "/w"},
	{.kind = ATOM_PATH_IN, .size = 7, .text = "/w/keep"},
	{.kind = ATOM_PATH_IN, .size = 10, .text = "/o/in/keep"},
};
static const struct plan_rule rules[] = {
	{.actions = 0x1f, .permit = true, .atom_count = 1, .atoms = &places[0]},
	{.actions = 0x1f, .atom_count = 1, .atoms = &places[1]},
	{.actions = 0x1f, .atom_count = 1, .atoms = &places[2]},
};

/* Letters of the actions of a path, in the order they are found; small: no rule is about it. */
static const struct {
	const char *name;
	enum lend_kind kind;
	uint64_t flags;
	const char *paths[2];
	bool is_folder;
	/* NULL: it is refused. */
	const char *first;
	const char *second;
} deeds[] = {
	{"a new file", LEND_MAKE_FILE, O_WRONLY, {"/o/f", ""}, false, "w", ""},
	{"a new file to read", LEND_MAKE_FILE, O_RDWR, {"/o/f", ""}, false, "wr", ""},
	{"a forbidden file", LEND_MAKE_FILE, O_WRONLY, {"/w/keep/f", ""}, false, NULL, NULL},
	{"a folder", LEND_MAKE_FOLDER, 0, {"/o/f", ""}, false, "c", ""},
	{"a removal", LEND_REMOVE, 0, {"/o/f", ""}, false, "d", ""},
	{"a permitted removal", LEND_REMOVE, 0, {"/w/f", ""}, false, "D", ""},
	{"a connection", LEND_CONNECT, 0, {"/o/s", ""}, false, "w", ""},
	{"a permitted connection", LEND_CONNECT, 0, {"/w/s", ""}, false, "W", ""},
	{"a forbidden connection", LEND_CONNECT, 0, {"/w/keep/s", ""}, false, NULL, NULL},
	{"a change", LEND_CHANGE, 0, {"/o/f", ""}, false, "w", ""},
	{"a move outside", LEND_MOVE, 0, {"/o/a", "/o/b"}, false, "d", "w"},
	{"a move in", LEND_MOVE, 0, {"/o/a", "/w/b"}, false, "drw", "W"},
	{"a move out", LEND_MOVE, 0, {"/w/a", "/o/b"}, false, "D", "w"},
	{"a move to what is forbidden", LEND_MOVE, 0, {"/o/a", "/w/keep/b"}, false, NULL, NULL},
	{"a file around what is forbidden", LEND_MOVE, 0, {"/o/in", "/o/b"}, false, "d", "w"},
	{"a folder around it", LEND_MOVE, 0, {"/o/in", "/o/b"}, true, NULL, NULL},
	{"a folder to around it", LEND_MOVE, 0, {"/o/b", "/o/in"}, true, NULL, NULL},
	{"an exchange", LEND_MOVE, RENAME_EXCHANGE, {"/o/a", "/w/b"}, false, "drw", "WD"},
	{"a link in", LEND_LINK, 0, {"/o/a", "/w/b"}, false, "rw", "W"},
	{"a link out", LEND_LINK, 0, {"/w/a", "/o/b"}, false, "R", "w"},
	{"an open for both", LEND_OPEN, O_RDWR, {"/o/a", ""}, false, "rw", ""},
	{"an open that makes", LEND_OPEN, O_RDWR | O_CREAT, {"/o/a", ""}, false, NULL, NULL},
};

static void spell(const struct lend_reply *reply, bool is_second, char letters[LEND_PARTS_MAX + 1])
{
	static const char asked[] = "rwdcl";
	static const char allowed[] = "RWDCL";

	for (uint32_t i = 0; i < reply->count; i++) {
		const struct lend_part *part = &reply->parts[i];

		if (part->is_second == is_second)
			*letters++ = (part->is_asked ? asked : allowed)[part->action];
	}
	*letters = 0;
}

static void test_parts(void)
{
	struct judge *judge = judge_build(rules, sizeof(rules) / sizeof(*rules));
	static struct lend_request request;

	for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		struct lend_reply reply;
		char letters[2][LEND_PARTS_MAX + 1];
		bool found;

		request.kind = deeds[i].kind;
		request.flags = deeds[i].flags;
		found = lend_parts_find(judge, &request, deeds[i].paths, deeds[i].is_folder,
					&reply);
		spell(&reply, false, letters[0]);
		spell(&reply, true, letters[1]);
		if (deeds[i].first)
			check(found && !strcmp(letters[0], deeds[i].first) &&
				      !strcmp(letters[1], deeds[i].second),
			      "%s: %s %s", deeds[i].name, letters[0], letters[1]);
		else
			check(!found, "%s", deeds[i].name);
	}
	judge_free(judge);
}

static void test_sound(void)
{
	static const struct {
		const char *name;
		bool is_sound;
		enum lend_kind kind;
		uint64_t flags;
		uint32_t mode;
	} requests[] = {
		{"a file removed", true, LEND_REMOVE, 0, 0},
		{"a folder removed", true, LEND_REMOVE, AT_REMOVEDIR, 0},
		{"removed by a flag nobody knows", false, LEND_REMOVE, 1ull << 40, 0},
		{"moved", true, LEND_MOVE, RENAME_NOREPLACE, 0},
		{"exchanged", true, LEND_MOVE, RENAME_EXCHANGE, 0},
		{"moved, and a whiteout left", false, LEND_MOVE, RENAME_WHITEOUT, 0},
		{"a FIFO", true, LEND_MAKE_NODE, 0, S_IFIFO | 0600},
		{"a file as a node", true, LEND_MAKE_NODE, 0, 0600},
		{"a device", false, LEND_MAKE_NODE, 0, S_IFCHR | 0600},
		{"a disk", false, LEND_MAKE_NODE, 0, S_IFBLK | 0600},
		{"no kind of deed", false, LEND_KINDS, 0, 0},
	};
	static struct lend_request request;

	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		request.kind = (uint16_t)requests[i].kind;
		request.flags = requests[i].flags;
		request.mode = requests[i].mode;
		check(lend_is_sound(&request) == requests[i].is_sound, "%s", requests[i].name);
	}
}

/* Each is as it may be at most, and then one more. */
static void test_sizes(void)
{
	static struct lend_request request = {.kind = LEND_CHANGE, .exe_size = AE_PATH_MAX - 1};

	request.change = (struct change){.kind = CHANGE_KINDS - 1, .value_size = CHANGE_VALUE_MAX};
	memset(request.text, 'x', AE_PATH_MAX - 1);
	memset(request.change.name, 'x', CHANGE_NAME_ROOM - 1);
	check(lend_is_sound(&request), "all it can hold");
	request.text[AE_PATH_MAX - 1] = 'x';
	check(!lend_is_sound(&request), "a text without an end");
	request.text[AE_PATH_MAX - 1] = 0;
	request.change.name[CHANGE_NAME_ROOM - 1] = 'x';
	check(!lend_is_sound(&request), "a name without an end");
	request.change.name[CHANGE_NAME_ROOM - 1] = 0;
	request.exe_size++;
	check(!lend_is_sound(&request), "a longer program");
	request.exe_size--;
	request.change.value_size++;
	check(!lend_is_sound(&request), "a larger value");
	request.change.value_size--;
	request.change.kind++;
	check(!lend_is_sound(&request), "no kind of change");
	request.change.kind--;
	check(lend_is_sound(&request), "as before");
}

int main(void)
{
	test_parts();
	test_sound();
	test_sizes();
	test_plan();
	test_actions();
	test_question();
	test_answers();
	return 0;
}
