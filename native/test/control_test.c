/* What goes along with a message, part by part: what is taken, what is refused, and where it ends.
 */
#include "../linux/sockets/control.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"

enum { ROOM = 8192, OTHER = 99 };

struct part {
	uint64_t size;
	int level;
	int type;
};

/* `size` bytes are given of what the parts with these contents, each filled up to 8, make. */
static const struct {
	const char *name;
	int answer;
	size_t size;
	/* Of what is taken: where the last part ends. */
	size_t end;
	/* Descriptors. */
	size_t taken;
	struct part parts[3];
	size_t contents[3];
} cases[] = {
	{"nothing", 0, 0, 0, 0, {{0}}, {0}},
	{"less than a header", 0, 15, 0, 0, {{16, 0, OTHER}}, {0}},
	{"a header alone", 0, 16, 16, 0, {{16, 0, OTHER}}, {0}},
	{"a descriptor", 0, 20, 20, 1, {{20, SOL_SOCKET, SCM_RIGHTS}}, {4}},
	{"one and what fills it up", 0, 24, 20, 1, {{20, SOL_SOCKET, SCM_RIGHTS}}, {4}},
	{"no descriptor", 0, 16, 16, 0, {{16, SOL_SOCKET, SCM_RIGHTS}}, {0}},
	{"half a descriptor", 0, 18, 18, 0, {{18, SOL_SOCKET, SCM_RIGHTS}}, {2}},
	{"253", 0, 1028, 1028, 253, {{1028, SOL_SOCKET, SCM_RIGHTS}}, {1012}},
	{"254", EINVAL, 1032, 0, 0, {{1032, SOL_SOCKET, SCM_RIGHTS}}, {1016}},
	{"253 in two parts",
	 0,
	 1044,
	 1044,
	 253,
	 {{24, SOL_SOCKET, SCM_RIGHTS}, {1020, SOL_SOCKET, SCM_RIGHTS}},
	 {8, 1004}},
	{"254 in two parts",
	 EINVAL,
	 1048,
	 0,
	 2,
	 {{24, SOL_SOCKET, SCM_RIGHTS}, {1024, SOL_SOCKET, SCM_RIGHTS}},
	 {8, 1008}},
	{"a second part that claims all there is",
	 EINVAL,
	 1288,
	 0,
	 0,
	 {{1264, 0, OTHER}, {1288, SOL_SOCKET, SCM_RIGHTS}},
	 {1248, 8}},
	{"a second part one byte too long",
	 EINVAL,
	 1288,
	 0,
	 0,
	 {{1264, 0, OTHER}, {25, SOL_SOCKET, SCM_RIGHTS}},
	 {1248, 8}},
	{"the same as long as it is",
	 0,
	 1288,
	 1288,
	 2,
	 {{1264, 0, OTHER}, {24, SOL_SOCKET, SCM_RIGHTS}},
	 {1248, 8}},
	{"less than a header claimed", EINVAL, 16, 0, 0, {{15, 0, OTHER}}, {0}},
	{"nothing claimed", EINVAL, 16, 0, 0, {{0, 0, OTHER}}, {0}},
	{"4 GiB and a descriptor", EINVAL, 20, 0, 0, {{(1ull << 32) + 20, 1, SCM_RIGHTS}}, {4}},
	{"all there can be", EINVAL, 20, 0, 0, {{UINT64_MAX, 1, SCM_RIGHTS}}, {4}},
	{"what wraps when it is filled up", EINVAL, 32, 0, 0, {{UINT64_MAX - 6, 0, OTHER}}, {16}},
	{"a header at the very end that claims more",
	 EINVAL,
	 32,
	 0,
	 0,
	 {{16, 0, OTHER}, {48, IPPROTO_IP, IP_RETOPTS}},
	 {0, 0}},
	{"credentials", EPERM, 28, 0, 0, {{28, SOL_SOCKET, 2}}, {12}},
	{"a route", EPERM, 24, 0, 0, {{24, IPPROTO_IP, IP_RETOPTS}}, {8}},
	{"a route of version 6", EPERM, 24, 0, 0, {{24, IPPROTO_IPV6, IPV6_RTHDR}}, {8}},
	{"the older one", EPERM, 24, 0, 0, {{24, IPPROTO_IPV6, 5}}, {8}},
	{"where it comes from", 0, 28, 28, 0, {{28, IPPROTO_IP, IP_PKTINFO}}, {12}},
};

static size_t write_parts(unsigned char control[ROOM], const struct part *parts,
			  const size_t *contents)
{
	size_t at = 0;

	memset(control, 0, ROOM);
	for (size_t i = 0; i < 3; i++) {
		memcpy(control + at, &parts[i], sizeof(parts[i]));
		memset(control + at + sizeof(parts[i]), 1, contents[i]);
		at += (sizeof(parts[i]) + contents[i] + 7) / 8 * 8;
	}
	return at;
}

static int count_one(void *context, int *number)
{
	check(*number == 0x01010101, "what lies in a part is what is taken");
	*number = 7;
	++*(size_t *)context;
	return 0;
}

static int refuse_third(void *context, int *number)
{
	return count_one(context, number), *(size_t *)context == 3 ? EBADF : 0;
}

/* In a piece of memory of exactly its size, so that whoever reads on is seen. */
static unsigned char *only(const unsigned char *control, size_t size)
{
	unsigned char *copy = malloc(size);

	check(copy, "memory");
	memcpy(copy, control, size);
	return copy;
}

static void test_parts(void)
{
	unsigned char written[ROOM];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t size = cases[i].size;
		size_t taken = 0;
		unsigned char *control;
		int answer;

		write_parts(written, cases[i].parts, cases[i].contents);
		control = only(written, size);
		answer = control_check(control, &size, count_one, &taken);
		check(answer == cases[i].answer, "%s: %d", cases[i].name, answer);
		check(answer != 0 || size == cases[i].end, "%s ends at %zu", cases[i].name, size);
		check(taken == cases[i].taken, "%s has %zu", cases[i].name, taken);
		free(control);
	}
}

static void test_taking(void)
{
	const struct part parts[3] = {{32, SOL_SOCKET, SCM_RIGHTS}};
	const size_t contents[3] = {16};
	unsigned char control[ROOM];
	size_t size = 32;
	size_t taken = 0;
	int numbers[4];

	write_parts(control, parts, contents);
	check(control_check(control, &size, NULL, NULL) == EPERM, "none may be there");
	check(control_check(control, &size, refuse_third, &taken) == EBADF && taken == 3,
	      "the third is refused");
	memcpy(numbers, control + 16, sizeof(numbers));
	check(numbers[0] == 7 && numbers[1] == 7 && numbers[3] == 0x01010101, "what was taken");
}

/* What claims to begin behind the last part must not get what is added for its content. */
static void test_adding(void)
{
	const struct part parts[3] = {{20, 0, OTHER}, {40, 0, OTHER}};
	const size_t contents[3] = {4};
	unsigned char control[ROOM];
	size_t size = 36;
	struct part added;

	write_parts(control, parts, contents);
	check(control_check(control, &size, NULL, NULL) == 0 && size == 20, "its end");
	check(!control_add(control, &size, 43, 0, IP_PKTINFO, "1234", 4), "no room");
	check(control_add(control, &size, 44, 0, IP_PKTINFO, "1234", 4) && size == 44, "room");
	memcpy(&added, control + 24, sizeof(added));
	check(added.size == 20 && added.type == IP_PKTINFO && !memcmp(control + 40, "1234", 4),
	      "what was added");
	check(!control_add(control, &size, 44, 0, IP_PKTINFO, "1234", 4), "no room any more");
	check(control_check(control, &size, NULL, NULL) == 0 && size == 44, "both are parts");
}

int main(void)
{
	test_parts();
	test_taking();
	test_adding();
	return 0;
}
