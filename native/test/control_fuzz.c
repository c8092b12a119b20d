/*
 * Control data against another reading of it, which is Linux' own macros word by word. Half of it
 * is any bytes; the other half are parts whose sizes are nearly right, or few would get past the
 * first.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../linux/sockets/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_HERE = 4096, PARTS_MAX = SIZE_MAX_HERE / 16 };

struct header {
	uint64_t size;
	int32_t level;
	int32_t type;
};

struct input {
	const uint8_t *at;
	size_t left;
};

/* What the other reading has found. */
struct found {
	int answer;
	size_t count;
	size_t begins[PARTS_MAX];
	size_t taken;
	int numbers[SIZE_MAX_HERE];
};

struct taken {
	const struct found *found;
	size_t count;
};

static uint8_t take(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* Parts of the kinds that matter; one in eight claims another size than it has. */
static size_t write_parts(struct input *input, unsigned char *control)
{
	static const struct header kinds[] = {
		{0, SOL_SOCKET, SCM_RIGHTS},   {0, SOL_SOCKET, 2},	    {0, IPPROTO_IP, 99},
		{0, IPPROTO_IP, IP_PKTINFO},   {0, IPPROTO_IP, IP_RETOPTS}, {0, IPPROTO_IPV6, 50},
		{0, IPPROTO_IPV6, IPV6_RTHDR}, {0, SOL_SOCKET, SCM_RIGHTS},
	};
	size_t at = 0;

	while (input->left > 0) {
		uint8_t choice = take(input);
		struct header header = kinds[choice % 8];
		size_t content = take(input) * (choice & 8 ? 5u : 1u);

		header.size = sizeof(header) + content;
		if (choice >> 5 == 0)
			header.size += (uint64_t)(int64_t)(int8_t)take(input)
				       << (choice & 16 ? take(input) % 64 : 0);
		if (at + sizeof(header) + content + 8 > SIZE_MAX_HERE)
			break;
		memcpy(control + at, &header, sizeof(header));
		memset(control + at + sizeof(header), take(input), content);
		at += (sizeof(header) + content + 7) / 8 * 8;
	}
	/* It may end anywhere in the last one. */
	return at - (at ? take(input) % (at < 40 ? at : 40) : 0);
}

/* As a descriptor is found or not. */
static int number_of(int number)
{
	return number % 5 == 3 ? -1 : ~number;
}

static int answer_to(struct found *found, const struct header *part, const unsigned char *content)
{
	bool is_old = part->level == IPPROTO_IPV6 && part->type == 5;
	size_t count = (size_t)(part->size - sizeof(*part)) / 4;

	if (is_old || (part->level == IPPROTO_IP && part->type == IP_RETOPTS) ||
	    (part->level == IPPROTO_IPV6 && part->type == IPV6_RTHDR))
		return EPERM;
	if (part->level != SOL_SOCKET)
		return 0;
	if (part->type != SCM_RIGHTS)
		return EPERM;
	if (found->taken + count > 253)
		return EINVAL;
	for (size_t i = 0; i < count; i++) {
		memcpy(&found->numbers[found->taken], content + 4 * i, 4);
		if (number_of(found->numbers[found->taken++]) == -1)
			return EBADF;
	}
	return 0;
}

/* CMSG_FIRSTHDR, CMSG_OK and __cmsg_nxthdr of Linux, with offsets for pointers. */
static void read_as_linux(const unsigned char *control, uint64_t size, bool judges,
			  struct found *found)
{
	uint64_t at = 0;

	memset(found, 0, sizeof(*found));
	if (size < sizeof(struct header))
		return;
	for (;;) {
		struct header part;

		memcpy(&part, control + at, sizeof(part));
		found->answer = EINVAL;
		if (!(part.size >= sizeof(part) && part.size <= size - at))
			return;
		found->begins[found->count++] = at;
		found->answer = judges ? answer_to(found, &part, control + at + sizeof(part)) : 0;
		if (found->answer != 0)
			return;
		at += (part.size + 7) & ~7ull;
		if (at + sizeof(part) > size)
			return;
	}
}

static int take_number(void *context, int *number)
{
	struct taken *taken = context;

	if (taken->count >= taken->found->taken || *number != taken->found->numbers[taken->count])
		abort();
	taken->count++;
	if (number_of(*number) == -1)
		return EBADF;
	*number = number_of(*number);
	return 0;
}

/* Every part stays what it was, and what is added is a part of its own behind them. */
static void add(const unsigned char *control, size_t size, const struct found *before)
{
	unsigned char *larger = malloc(size + 64);
	static struct found after;
	struct header last;

	memcpy(larger, control, size);
	if (!control_add(larger, &size, size + 64, IPPROTO_IP, IP_PKTINFO, "123456789012", 12))
		abort();
	read_as_linux(larger, size, false, &after);
	if (after.count != before->count + 1 ||
	    memcmp(after.begins, before->begins, before->count * sizeof(*after.begins)) != 0)
		abort();
	memcpy(&last, larger + after.begins[before->count], sizeof(last));
	if (last.size != sizeof(last) + 12 || last.type != IP_PKTINFO)
		abort();
	free(larger);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char written[SIZE_MAX_HERE];
	static struct found found;
	struct input input = {data, size};
	bool is_any = take(&input) & 1;
	size_t given = is_any ? input.left : write_parts(&input, written);
	unsigned char *control;
	struct taken taken = {&found, 0};
	int answer;

	if (given > SIZE_MAX_HERE)
		return 0;
	/* Of exactly that size, so that whoever reads on is seen. */
	control = malloc(given);
	if (given)
		memcpy(control, is_any ? input.at : written, given);
	read_as_linux(control, given, true, &found);
	answer = control_check(control, &given, take_number, &taken);
	if (answer != found.answer || taken.count != found.taken)
		abort();
	if (answer == 0)
		add(control, given, &found);
	free(control);
	return 0;
}
