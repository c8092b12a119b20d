/*
 * outside FOLDER NAME KEY FILE: what stands outside a box and waits to be reached, until standard
 * input ends: sockets of every type in FOLDER and as abstract @NAME-TYPE, one that hands over FILE
 * opened to whoever connects, and shared memory, queues and semaphores under KEY and /NAME. What
 * reached a socket is printed, one name a line.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKETS_MAX = 9 };

static struct {
	char name[100];
	int fd, type;
} sockets[SOCKETS_MAX];
static int socket_count;

static void serve(const char *name, int type)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t size = strlen(name);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path, name, size);
	if (name[0] == '@')
		un.sun_path[0] = 0;
	size += offsetof(struct sockaddr_un, sun_path) + (name[0] == '@' ? 0 : 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, (socklen_t)size) < 0 ||
	    (type != SOCK_DGRAM && listen(fd, 64) < 0)) {
		perror(name);
		exit(1);
	}
	snprintf(sockets[socket_count].name, sizeof(sockets->name), "%s", name);
	sockets[socket_count].fd = fd;
	sockets[socket_count++].type = type;
}

static void hand_over(int to, const char *file)
{
	int fd = open(file, O_RDONLY);
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = {"x", 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	sendmsg(to, &message, MSG_NOSIGNAL);
	close(fd);
}

static void answer(int index, const char *file)
{
	char bytes[64];

	if (sockets[index].type == SOCK_DGRAM) {
		if (recv(sockets[index].fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0)
			return;
	} else {
		int fd = accept4(sockets[index].fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (strstr(sockets[index].name, "/hand"))
			hand_over(fd, file);
		close(fd);
	}
	puts(sockets[index].name);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int type;
	} kinds[] = {
		{"stream", SOCK_STREAM}, {"packets", SOCK_SEQPACKET}, {"datagram", SOCK_DGRAM}};
	struct pollfd polled[SOCKETS_MAX + 1];
	char text[100];
	char shared[100];
	key_t key;
	int shm, msg, sem;

	if (argc != 5)
		return 2;
	umask(0);
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "%s/%s", argv[1], kinds[i].name);
		serve(text, kinds[i].type);
		snprintf(text, sizeof(text), "@%s-%s", argv[2], kinds[i].name);
		serve(text, kinds[i].type);
	}
	snprintf(text, sizeof(text), "%s/hand", argv[1]);
	serve(text, SOCK_STREAM);
	key = (key_t)strtol(argv[3], NULL, 16);
	shm = shmget(key, 4096, IPC_CREAT | 0666);
	msg = msgget(key, IPC_CREAT | 0666);
	sem = semget(key, 1, IPC_CREAT | 0666);
	snprintf(shared, sizeof(shared), "/%s", argv[2]);
	mq_open(shared, O_CREAT | O_RDWR, 0666, NULL);
	close(shm_open(shared, O_CREAT | O_RDWR, 0666));
	puts("ready");
	fflush(stdout);
	for (int i = 0; i < socket_count; i++)
		polled[i] = (struct pollfd){.fd = sockets[i].fd, .events = POLLIN};
	polled[socket_count] = (struct pollfd){.fd = 0, .events = POLLIN};
	while (poll(polled, (nfds_t)socket_count + 1, -1) >= 0) {
		for (int i = 0; i < socket_count; i++)
			if (polled[i].revents)
				answer(i, argv[4]);
		if (polled[socket_count].revents && read(0, text, sizeof(text)) <= 0)
			break;
	}
	shmctl(shm, IPC_RMID, NULL);
	msgctl(msg, IPC_RMID, NULL);
	semctl(sem, 0, IPC_RMID);
	mq_unlink(shared);
	shm_unlink(shared);
	return 0;
}
