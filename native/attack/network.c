/* Sockets of every kind: to the network, to the machine, to other programs. */
#include "attack.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { MPTCP = 262, UDPLITE = 136, SCTP = 132, DCCP = 33 };

/* Addresses: "127.0.0.1" or "::1" and a port. */
static socklen_t address(struct sockaddr_storage *out, char **a)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (strchr(a[0], ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(a[1]));
		inet_pton(AF_INET6, a[0], &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)atoi(a[1]));
	inet_pton(AF_INET, a[0], &in->sin_addr);
	return sizeof(*in);
}
static int with_address(char **a, int type, int protocol,
			int (*use)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_storage to;
	socklen_t size = address(&to, a);
	int fd = socket(to.ss_family, type, protocol);
	int error = fd < 0 ? errno : attack_errno(use(fd, (struct sockaddr *)&to, size));

	if (fd >= 0)
		close(fd);
	return error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT ? ABSENT : error;
}
/* A datagram leaves without a word of whether it arrived: only an answer proves that. */
static int answered(int fd, long sent)
{
	enum { PATIENCE_MS = 300 };
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	char byte;

	if (sent < 0)
		return -1;
	if (poll(&polled, 1, PATIENCE_MS) == 1)
		return (int)recv(fd, &byte, 1, MSG_DONTWAIT);
	errno = ETIMEDOUT;
	return -1;
}
static int send_to(int fd, const struct sockaddr *to, socklen_t size)
{
	return (int)sendto(fd, "x", 1, 0, to, size);
}
static int ask(int fd, const struct sockaddr *to, socklen_t size)
{
	return answered(fd, send_to(fd, to, size));
}
static int send_message(int fd, const struct sockaddr *to, socklen_t size, int flags)
{
	struct iovec data = {"x", 1};
	struct msghdr message = {
		.msg_name = (void *)to, .msg_namelen = size, .msg_iov = &data, .msg_iovlen = 1};

	return (int)sendmsg(fd, &message, flags);
}
static int send_plain(int fd, const struct sockaddr *to, socklen_t size)
{
	return send_message(fd, to, size, 0);
}
static int ask_message(int fd, const struct sockaddr *to, socklen_t size)
{
	return answered(fd, send_plain(fd, to, size));
}
static int ask_many(int fd, const struct sockaddr *to, socklen_t size)
{
	struct iovec data = {"x", 1};
	struct mmsghdr message = {.msg_hdr = {.msg_name = (void *)to,
					      .msg_namelen = size,
					      .msg_iov = &data,
					      .msg_iovlen = 1}};

	return answered(fd, syscall(SYS_sendmmsg, fd, &message, 1, 0));
}
static int fast_open(int fd, const struct sockaddr *to, socklen_t size)
{
	return (int)sendto(fd, "x", 1, MSG_FASTOPEN, to, size);
}
static int fast_open_message(int fd, const struct sockaddr *to, socklen_t size)
{
	return send_message(fd, to, size, MSG_FASTOPEN);
}
/* The connect call only arms it; the write that follows connects. */
static int fast_open_connect(int fd, const struct sockaddr *to, socklen_t size)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) < 0 ||
	    connect(fd, to, size) < 0)
		return -1;
	return (int)write(fd, "x", 1);
}
static int connect_send(int fd, const struct sockaddr *to, socklen_t size)
{
	return connect(fd, to, size) < 0 ? -1 : (int)send(fd, "x", 1, 0);
}
static int connect_ask(int fd, const struct sockaddr *to, socklen_t size)
{
	return answered(fd, connect_send(fd, to, size));
}
/* Disconnected and connected again: the second address is the one that counts. */
static int connect_twice(int fd, const struct sockaddr *to, socklen_t size)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	connect(fd, &none, sizeof(none));
	return connect(fd, to, size);
}
static int bind_listen(int fd, const struct sockaddr *at, socklen_t size)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, at, size) < 0 ? -1 : listen(fd, 1);
}
static int just_listen(int fd, const struct sockaddr *at, socklen_t size)
{
	(void)at;
	(void)size;
	return listen(fd, 1);
}

static int try_tcp(char **a)
{
	return with_address(a, SOCK_STREAM, 0, connect);
}
static int try_tcp_twice(char **a)
{
	return with_address(a, SOCK_STREAM, 0, connect_twice);
}
static int try_mptcp(char **a)
{
	return with_address(a, SOCK_STREAM, MPTCP, connect);
}
static int try_sctp(char **a)
{
	return with_address(a, SOCK_STREAM, SCTP, connect);
}
static int try_dccp(char **a)
{
	return with_address(a, 6, DCCP, connect);
}
static int try_udp_send(char **a)
{
	return with_address(a, SOCK_DGRAM, 0, ask);
}
static int try_udp_message(char **a)
{
	return with_address(a, SOCK_DGRAM, 0, ask_message);
}
static int try_udp_many(char **a)
{
	return with_address(a, SOCK_DGRAM, 0, ask_many);
}
static int try_udp_connect(char **a)
{
	return with_address(a, SOCK_DGRAM, 0, connect_ask);
}
static int try_udplite(char **a)
{
	return with_address(a, SOCK_DGRAM, UDPLITE, ask);
}
static int try_fast_open(char **a)
{
	return with_address(a, SOCK_STREAM, 0, fast_open);
}
static int try_fast_message(char **a)
{
	return with_address(a, SOCK_STREAM, 0, fast_open_message);
}
static int try_fast_connect(char **a)
{
	return with_address(a, SOCK_STREAM, 0, fast_open_connect);
}
static int try_bind(char **a)
{
	return with_address(a, SOCK_STREAM, 0, bind_listen);
}
static int try_mptcp_bind(char **a)
{
	return with_address(a, SOCK_STREAM, MPTCP, bind_listen);
}
static int try_listen(char **a)
{
	return with_address(a, SOCK_STREAM, 0, just_listen);
}
static int try_udp_bind(char **a)
{
	return with_address(a, SOCK_DGRAM, 0, bind);
}

/* FAMILY TYPE PROTOCOL: can one be had at all? */
static int try_socket(char **a)
{
	int error = attack_opened(socket(atoi(a[0]), atoi(a[1]), atoi(a[2])));

	return error;
}
/* Lists the addresses of the machine's interfaces; its own loopback is nobody's secret. */
static int try_interfaces(char **a)
{
	char line[512];
	FILE *devices = fopen("/proc/net/dev", "r");
	int count = 0;

	(void)a;
	if (!devices)
		return errno;
	while (fgets(line, sizeof(line), devices))
		count += strchr(line, ':') != NULL && !strstr(line, "lo:");
	fclose(devices);
	return count > 0 ? 0 : ENODEV;
}

/* A leading @ makes the name abstract. */
static socklen_t unix_address(struct sockaddr_un *un, const char *name)
{
	size_t size = strnlen(name, sizeof(un->sun_path) - 1);

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, name, size);
	if (name[0] == '@')
		un->sun_path[0] = 0;
	size += name[0] == '@' ? 0 : 1;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}
static int with_unix(char **a, int type, int (*use)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un un;
	socklen_t size = unix_address(&un, a[0]);
	int fd = socket(AF_UNIX, type, 0);
	int error = fd < 0 ? errno : attack_errno(use(fd, (struct sockaddr *)&un, size));

	if (fd >= 0)
		close(fd);
	return error;
}
static int try_unix(char **a)
{
	return with_unix(a, SOCK_STREAM, connect);
}
static int try_unix_packets(char **a)
{
	return with_unix(a, SOCK_SEQPACKET, connect);
}
static int try_unix_send(char **a)
{
	return with_unix(a, SOCK_DGRAM, send_to);
}
static int try_unix_message(char **a)
{
	return with_unix(a, SOCK_DGRAM, send_plain);
}
static int try_unix_connect_datagram(char **a)
{
	return with_unix(a, SOCK_DGRAM, connect_send);
}
/* One end of a pair, used to reach a name the pair was not made for. */
static int try_unix_pair(char **a)
{
	struct sockaddr_un un;
	socklen_t size = unix_address(&un, a[0]);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		return errno;
	return attack_errno(sendto(pair[0], "x", 1, 0, (struct sockaddr *)&un, size));
}
/* FOLDER NAME: by a relative name from inside the folder */
static int try_unix_chdir(char **a)
{
	return chdir(a[0]) < 0 ? errno : with_unix(a + 1, SOCK_STREAM, connect);
}
/* TARGET LINK: through a link */
static int try_unix_link(char **a)
{
	return symlink(a[0], a[1]) < 0 ? errno : with_unix(a + 1, SOCK_STREAM, connect);
}
/* NAME: an open file somebody outside hands over, see serve */
static int try_import(char **a)
{
	struct sockaddr_un un;
	socklen_t size = unix_address(&un, a[0]);
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&un, size) < 0 || recvmsg(fd, &message, 0) < 0)
		return errno;
	if (!CMSG_FIRSTHDR(&message))
		return EBADMSG;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return attack_read_fd(fd);
}

const struct attack attack_network[] = {
	{"tcp", 2, try_tcp},
	{"tcp-twice", 2, try_tcp_twice},
	{"mptcp", 2, try_mptcp},
	{"sctp", 2, try_sctp},
	{"dccp", 2, try_dccp},
	{"udp-send", 2, try_udp_send},
	{"udp-message", 2, try_udp_message},
	{"udp-many", 2, try_udp_many},
	{"udp-connect", 2, try_udp_connect},
	{"udplite", 2, try_udplite},
	{"fast-open", 2, try_fast_open},
	{"fast-open-message", 2, try_fast_message},
	{"fast-open-connect", 2, try_fast_connect},
	{"bind", 2, try_bind},
	{"mptcp-bind", 2, try_mptcp_bind},
	{"listen", 2, try_listen},
	{"udp-bind", 2, try_udp_bind},
	{"socket", 3, try_socket},
	{"interfaces", 0, try_interfaces},
	{"unix", 1, try_unix},
	{"unix-packets", 1, try_unix_packets},
	{"unix-send", 1, try_unix_send},
	{"unix-message", 1, try_unix_message},
	{"unix-connect-datagram", 1, try_unix_connect_datagram},
	{"unix-pair", 1, try_unix_pair},
	{"unix-chdir", 2, try_unix_chdir},
	{"unix-link", 2, try_unix_link},
	{"import", 1, try_import},
	{NULL, 0, NULL},
};
