/* Messages between the processes of the helper: of one size, and no descriptor is lost in any. */
#include "../linux/outside/outside_link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

enum { FDS_MAX = 8 };

static int ends[2];

static void send_with(const char *data, size_t size, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	const int fds[FDS_MAX] = {0};
	struct iovec piece = {(void *)(uintptr_t)data, size};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	message.msg_control = count ? &control : NULL;
	message.msg_controllen = count ? CMSG_SPACE(count * sizeof(int)) : 0;
	check(sendmsg(ends[0], &message, 0) == (ssize_t)size, "a message");
}

static size_t count_open(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Who sends more descriptors than there are places for, or another size, leaves nothing open. */
static void test_receiving(void)
{
	static const struct {
		const char *name;
		size_t size;
		size_t count;
		int result;
		size_t kept;
	} cases[] = {
		{"none", 4, 0, 0, 0},		{"one", 4, 1, 0, 1},
		{"three", 4, 3, 0, 3},		{"four", 4, 4, 0, 3},
		{"eight", 4, 8, -EPROTO, 0},	{"too short", 3, 3, -EPROTO, 0},
		{"too long", 5, 3, -EPROTO, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t before = count_open();
		struct link_fds fds;
		char data[4];
		size_t kept = 0;

		send_with("12345", cases[i].size, cases[i].count);
		check(link_receive(ends[1], data, sizeof(data), &fds) == cases[i].result, "%s",
		      cases[i].name);
		for (size_t at = 0; at < LINK_FDS_MAX; at++)
			kept += fds.fd[at] >= 0;
		check(kept == cases[i].kept, "%s: %zu", cases[i].name, kept);
		check(count_open() == before + kept, "%s leaves nothing open", cases[i].name);
		link_close(&fds);
		check(count_open() == before, "%s: all are closed", cases[i].name);
	}
}

static void test_both_ways(void)
{
	const int own[] = {ends[0], ends[1]};
	struct link_fds fds;
	char data[4];

	check(link_send(ends[0], "abcd", 4, own, 2) == 0, "it is sent");
	check(link_receive(ends[1], data, sizeof(data), &fds) == 0 && !memcmp(data, "abcd", 4) &&
		      fds.fd[0] >= 0 && fds.fd[1] >= 0 && fds.fd[2] < 0,
	      "it arrives");
	link_close(&fds);
	close(ends[0]);
	check(link_receive(ends[1], data, sizeof(data), &fds) == -EPIPE, "the end");
}

int main(void)
{
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "a pair");
	test_receiving();
	test_both_ways();
	return 0;
}
