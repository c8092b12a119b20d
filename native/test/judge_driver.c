/*
 * Answers accesses by the judge, for the comparison with decide(): standard input holds pieces of
 * u32 size, a plan, u32 number of accesses, and for each u8 action, u8 protocol or 0 for no
 * address, u16 port, u16 size, path or host. Standard output gets u32 verdict for each: 0xffffffff
 * for a default denial, else rule * 2 + allowed.
 */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "../common/fd.h"
#include "../common/plan.h"
#include "../linux/judge/judge.h"
#include "check.h"

static unsigned char *data;
static size_t left;

static const unsigned char *take(size_t size)
{
	const unsigned char *at = data;

	check(left >= size, "the input goes on");
	data += size;
	left -= size;
	return at;
}

static uint32_t take_u32(void)
{
	uint32_t value;

	memcpy(&value, take(sizeof(value)), sizeof(value));
	return value;
}

static uint16_t take_u16(void)
{
	uint16_t value;

	memcpy(&value, take(sizeof(value)), sizeof(value));
	return value;
}

static uint32_t answer(const struct judge *judge)
{
	struct subject subject = {.action = (enum action) * take(1)};
	uint8_t protocol = *take(1);
	struct verdict verdict;

	subject.port = take_u16();
	subject.path_size = take_u16();
	subject.path = (const char *)take(subject.path_size);
	if (protocol) {
		subject.host = subject.path;
		subject.host_size = subject.path_size;
		subject.has_port = true;
		subject.protocol = protocol;
	}
	verdict = judge_decide(judge, &subject);
	return verdict.rule == JUDGE_NO_RULE ? UINT32_MAX : verdict.rule * 2 + verdict.allowed;
}

int main(void)
{
	check(fd_read_all(STDIN_FILENO, (size_t)1 << 30, &data, &left) == 0, "input");
	while (left > 0) {
		uint32_t size = take_u32();
		struct plan plan;
		const char *why = "";
		struct judge *judge;

		check(plan_parse(take(size), size, &plan, &why) == 0, "%s", why);
		judge = judge_build(plan.rules, plan.rule_count);
		for (uint32_t count = take_u32(); count > 0; count--) {
			uint32_t verdict = answer(judge);

			check(fd_write_all(STDOUT_FILENO, &verdict, sizeof(verdict)) == 0,
			      "output");
		}
		judge_free(judge);
		plan_free(&plan);
	}
	return 0;
}
