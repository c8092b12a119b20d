/*
 * The sizes are the kernel's own, whatever a C library makes of them, and are compared with what is
 * left behind the beginning of their part, as CMSG_OK does. What the kernel would not look at, less
 * than a header behind the last part, is left out: a part that is added later must not become the
 * content of something nobody has seen.
 */
#include "control.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../uapi.h"

/* Not named by every C library. */
enum { ROUTING_HEADER_OF_OLD = 5 };

struct taking {
	control_take *take;
	void *context;
	size_t count;
};

static bool leads(const struct uapi_control *part)
{
	if (part->level == IPPROTO_IP)
		return part->type == IP_RETOPTS;
	return part->level == IPPROTO_IPV6 &&
	       (part->type == IPV6_RTHDR || part->type == ROUTING_HEADER_OF_OLD);
}

static int take_all(struct taking *taking, unsigned char *data, size_t count)
{
	int answer = 0;

	if (count > CONTROL_FDS_MAX - taking->count)
		return EINVAL;
	taking->count += count;
	for (size_t i = 0; answer == 0 && i < count; i++) {
		int number;

		memcpy(&number, data + i * sizeof(number), sizeof(number));
		answer = taking->take(taking->context, &number);
		memcpy(data + i * sizeof(number), &number, sizeof(number));
	}
	return answer;
}

static int check_part(const struct uapi_control *part, unsigned char *data, struct taking *taking)
{
	if (leads(part))
		return EPERM;
	if (part->level != SOL_SOCKET)
		return 0;
	/* Credentials would have to be true of us. */
	if (part->type != SCM_RIGHTS || !taking->take)
		return EPERM;
	return take_all(taking, data, (part->size - sizeof(*part)) / sizeof(int));
}

/* Where a part may begin. */
static size_t align(size_t at)
{
	return (at + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
}

int control_check(unsigned char *control, size_t *size, control_take *take, void *context)
{
	struct taking taking = {.take = take, .context = context};
	size_t end = 0;
	int answer = 0;

	for (size_t at = 0; answer == 0 && at < *size; at = align(end)) {
		size_t left = *size - at;
		struct uapi_control part;

		if (left < sizeof(part))
			break;
		memcpy(&part, control + at, sizeof(part));
		if (part.size < sizeof(part) || part.size > left)
			return EINVAL;
		end = at + part.size;
		answer = check_part(&part, control + at + sizeof(part), &taking);
	}
	*size = end;
	return answer;
}

bool control_add(unsigned char *control, size_t *size, size_t room, int level, int type,
		 const void *data, size_t data_size)
{
	const struct uapi_control part = {sizeof(part) + data_size, level, type};
	size_t at = align(*size);

	if (at > room || part.size > room - at)
		return false;
	memset(control + *size, 0, at - *size);
	memcpy(control + at, &part, sizeof(part));
	memcpy(control + at + sizeof(part), data, data_size);
	*size = at + part.size;
	return true;
}
