/* The judge over a table: every denial has its allowed twin. */
#include <string.h>

#include "../linux/judge/judge.h"
#include "check.h"

#define READ (1 << ACTION_FILE_READ)
#define WRITE (1 << ACTION_FILE_WRITE)
#define CONNECT (1 << ACTION_NET_CONNECT)

#define TEXT(literal) .text = (literal), .size = sizeof(literal) - 1

static const struct plan_atom atoms[] = {
	{.kind = ATOM_PATH_IN, TEXT("/")},			/* 0 */
	{.kind = ATOM_PATH_IN, TEXT("/work")},			/* 1 */
	{.kind = ATOM_PATH_EQUALS, TEXT("/work/.env")},		/* 2 */
	{.kind = ATOM_PATH_LIKE, TEXT("/work/\0.pem")},		/* 3 */
	{.kind = ATOM_PATH_IN, TEXT("/work/.git/hooks")},	/* 4 */
	{.kind = ATOM_HOST_EQUALS, TEXT("127.0.0.1")},		/* 5 */
	{.kind = ATOM_PORT, .port_op = PORT_GE, .port = 1024},	/* 6 */
	{.kind = ATOM_PATH_IN, .negated = true, TEXT("/work")}, /* 7 */
	{.kind = ATOM_PATH_IN, TEXT("/tmp")},			/* 8 */
	{.kind = ATOM_PATH_LIKE, TEXT("\0a\0b\0")},		/* 9 */
	{.kind = ATOM_PATH_IN, TEXT("/both")},			/* 10 */
	{.kind = ATOM_PATH_LIKE, TEXT("\0x")},			/* 11 */
};

static const struct plan_rule rules[] = {
	/* 0 */ {.actions = READ, .permit = true, .atom_count = 1, .atoms = &atoms[1]},
	/* 1 */ {.actions = READ, .permit = false, .atom_count = 1, .atoms = &atoms[2]},
	/* 2 */ {.actions = READ, .permit = false, .atom_count = 1, .atoms = &atoms[3]},
	/* 3 */ {.actions = WRITE, .permit = true, .atom_count = 1, .atoms = &atoms[1]},
	/* 4 */ {.actions = WRITE, .permit = false, .atom_count = 1, .atoms = &atoms[4]},
	/* 5 */ {.actions = CONNECT, .permit = true, .atom_count = 2, .atoms = &atoms[5]},
	/* 6 */ {.actions = READ | WRITE, .permit = true, .atom_count = 2, .atoms = &atoms[7]},
	/* 7 */ {.actions = READ, .permit = false, .atom_count = 1, .atoms = &atoms[9]},
	/* 8 */ {.actions = READ, .permit = true, .atom_count = 2, .atoms = &atoms[10]},
};

static const struct {
	const char *name;
	enum action action;
	const char *path;
	int port;
	bool allowed;
	uint32_t rule;
} rows[] = {
	{"below a permitted directory", ACTION_FILE_READ, "/work/a", -1, true, 0},
	{"the directory itself", ACTION_FILE_READ, "/work", -1, true, 0},
	{"a sibling that shares a prefix", ACTION_FILE_READ, "/workshop", -1, false, UINT32_MAX},
	{"outside", ACTION_FILE_READ, "/etc/passwd", -1, false, UINT32_MAX},
	{"a forbidden file", ACTION_FILE_READ, "/work/.env", -1, false, 1},
	{"a file beside it", ACTION_FILE_READ, "/work/.envrc", -1, true, 0},
	{"a forbidden pattern", ACTION_FILE_READ, "/work/x/y.pem", -1, false, 2},
	{"nearly the pattern", ACTION_FILE_READ, "/work/x/y.pemx", -1, true, 0},
	{"the pattern across nothing", ACTION_FILE_READ, "/work/.pem", -1, false, 2},
	{"another action than the forbidden", ACTION_FILE_WRITE, "/work/.env", -1, true, 3},
	{"below a forbidden directory", ACTION_FILE_WRITE, "/work/.git/hooks/x", -1, false, 4},
	{"above it", ACTION_FILE_WRITE, "/work/.git/config", -1, true, 3},
	{"an address and port", ACTION_NET_CONNECT, "127.0.0.1", 1024, true, 5},
	{"a port too low", ACTION_NET_CONNECT, "127.0.0.1", 1023, false, UINT32_MAX},
	{"another address", ACTION_NET_CONNECT, "127.0.0.2", 1024, false, UINT32_MAX},
	{"not in one, in another", ACTION_FILE_READ, "/tmp/f", -1, true, 6},
	{"no such action anywhere", ACTION_PROCESS_SPAWN, "/work/a", -1, false, UINT32_MAX},
	{"pieces in order", ACTION_FILE_READ, "/work/1a2b3", -1, false, 7},
	{"pieces in the wrong order", ACTION_FILE_READ, "/work/1b2a3", -1, true, 0},
	{"all conditions of a rule", ACTION_FILE_READ, "/both/x", -1, true, 8},
	{"only one of them", ACTION_FILE_READ, "/both/y", -1, false, UINT32_MAX},
	{"the root", ACTION_FILE_READ, "/", -1, false, UINT32_MAX},
	{"nothing at all", ACTION_FILE_READ, "", -1, false, UINT32_MAX},
};

static struct verdict decide(const struct judge *judge, enum action action, const char *path,
			     int port)
{
	bool is_host = port >= 0;
	struct subject subject = {
		.action = action,
		.path = path,
		.path_size = strlen(path),
		.host = is_host ? path : NULL,
		.host_size = is_host ? strlen(path) : 0,
		.has_port = is_host,
		.port = (uint16_t)port,
	};

	return judge_decide(judge, &subject);
}

static void test_rows(void)
{
	struct judge *judge = judge_build(rules, sizeof(rules) / sizeof(*rules));

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct verdict verdict = decide(judge, rows[i].action, rows[i].path, rows[i].port);

		check(verdict.allowed == rows[i].allowed, "%s", rows[i].name);
		check(verdict.rule == rows[i].rule, "%s: rule %u", rows[i].name, verdict.rule);
	}
	judge_free(judge);
}

static void test_root(void)
{
	const struct plan_rule rule = {
		.actions = READ, .permit = true, .atom_count = 1, .atoms = &atoms[0]};
	struct judge *judge = judge_build(&rule, 1);

	check(decide(judge, ACTION_FILE_READ, "/", -1).allowed, "the root is in the root");
	check(decide(judge, ACTION_FILE_READ, "/a/b", -1).allowed, "everything is in the root");
	check(!decide(judge, ACTION_FILE_READ, "a", -1).allowed, "but only paths are");
	judge_free(judge);
}

static void test_below(void)
{
	struct judge *judge = judge_build(rules, sizeof(rules) / sizeof(*rules));

	check(judge_forbid_below(judge, "/work", 5) == 1, "the first protected name below");
	check(judge_forbid_below(judge, "/work/.git", 10) == 4, "the hooks");
	check(judge_forbid_below(judge, "/", 1) == 1, "all of it");
	check(judge_forbid_below(judge, "/work/.gi", 9) == JUDGE_NO_RULE, "half a name");
	check(judge_forbid_below(judge, "/work/.git/hooks", 16) == JUDGE_NO_RULE,
	      "the name itself");
	check(judge_forbid_below(judge, "/tmp", 4) == JUDGE_NO_RULE, "a permit protects nothing");
	check(judge_has_patterns(judge), "there are patterns");
	judge_free(judge);
	judge = judge_build(rules, 2);
	check(!judge_has_patterns(judge), "there are none among the first two");
	judge_free(judge);
}

int main(void)
{
	test_rows();
	test_root();
	test_below();
	printf("judge_test: %zu accesses\n", sizeof(rows) / sizeof(*rows));
	return 0;
}
