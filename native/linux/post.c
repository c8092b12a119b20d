/*
 * Descriptors in a message are taken from the caller and sent on as our own duplicates. A message
 * is tried without waiting first; only what is left of it then needs a thread of its own.
 */
#include "post.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/fd.h"
#include "broker.h"
#include "jobs.h"

enum { FDS_MAX = 253 /* SCM_MAX_FD */ };

struct letter {
	struct caller caller;
	struct parcel parcel;
	size_t sent;
	size_t fd_count;
	int fds[FDS_MAX];
	/* Room for as many descriptors as the kernel takes. */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int)) + 256];
	size_t control_size;
};

static void discard(struct letter *letter)
{
	for (size_t i = 0; i < letter->fd_count; i++)
		fd_close_at(&letter->fds[i]);
	free(letter->parcel.data);
}

/* 0 or the answer to give. */
static int take_descriptors(struct letter *letter, struct cmsghdr *part)
{
	size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int *numbers = (int *)CMSG_DATA(part);

	if (count > FDS_MAX - letter->fd_count)
		return EINVAL;
	for (size_t i = 0; i < count; i++) {
		int fd = caller_take_fd(&letter->caller, numbers[i]);

		if (fd < 0)
			return fd == -ESRCH ? ANSWER_NONE : fd == -EBADF ? EBADF : EACCES;
		letter->fds[letter->fd_count++] = fd;
		numbers[i] = fd;
	}
	return 0;
}

static int read_control(struct letter *letter, const struct msghdr *from)
{
	struct msghdr header = {.msg_control = letter->control};
	struct cmsghdr *part;
	int answer = 0;

	letter->control_size = from->msg_control ? from->msg_controllen : 0;
	if (letter->control_size > sizeof(letter->control))
		return ENOBUFS;
	if (letter->control_size == 0)
		return 0;
	answer = -caller_read(&letter->caller, (uint64_t)(uintptr_t)from->msg_control,
			      letter->control, letter->control_size);
	header.msg_controllen = letter->control_size;
	for (part = CMSG_FIRSTHDR(&header); answer == 0 && part;
	     part = CMSG_NXTHDR(&header, part)) {
		if (!message_holds(&header, part))
			return EINVAL;
		if (message_is_led(part))
			return EPERM;
		if (part->cmsg_level != SOL_SOCKET)
			continue;
		/* Credentials would have to be true of us. */
		answer = part->cmsg_type == SCM_RIGHTS ? take_descriptors(letter, part) : EPERM;
	}
	return answer;
}

/* A size, or -errno. */
static ssize_t send_rest(int socket, struct letter *letter, int flags)
{
	struct iovec piece = {letter->parcel.data + letter->sent,
			      letter->parcel.size - letter->sent};
	struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};
	ssize_t sent;

	/* Descriptors go with the first byte. */
	if (letter->sent == 0 && letter->control_size) {
		header.msg_control = letter->control;
		header.msg_controllen = letter->control_size;
	}
	sent = message_transmit(socket, &header, letter->parcel.flags | MSG_NOSIGNAL | flags);
	if (sent > 0)
		letter->sent += (size_t)sent;
	return sent;
}

static int result_of(const struct letter *letter, int error)
{
	const struct parcel *parcel = &letter->parcel;

	if (error != 0 && letter->sent == 0)
		return error;
	if (parcel->report_at == 0)
		return (int)letter->sent;
	return message_report(&letter->caller, parcel->report_at, letter->sent) ? 1 : -EFAULT;
}

static int wait_and_send(struct job *job)
{
	struct letter *letter = job->context;
	int error = 0;

	do {
		ssize_t sent = send_rest(job->fd, letter, 0);

		error = sent < 0 ? (int)sent : 0;
	} while (error == 0 && letter->sent < letter->parcel.size);
	error = result_of(letter, error);
	discard(letter);
	return error;
}

static bool waits(int socket, int flags)
{
	int status = fcntl(socket, F_GETFL);

	return !(flags & MSG_DONTWAIT) && status >= 0 && !(status & O_NONBLOCK);
}

/* Takes the socket over. */
static int start_waiting(struct letter *letter, int socket)
{
	struct job job = {.caller = letter->caller,
			  .perform = wait_and_send,
			  .fd = socket,
			  .held = -1,
			  .context = malloc(sizeof(*letter))};
	int answer = ENOMEM;

	if (job.context) {
		memcpy(job.context, letter, sizeof(*letter));
		answer = jobs_start(&job);
	} else {
		close(socket);
	}
	if (answer == 0)
		return ANSWER_SENT;
	discard(letter);
	return answer;
}

static int send_letter(struct letter *letter, int taken)
{
	ae_auto_fd int socket = taken;
	ssize_t sent = send_rest(socket, letter, MSG_DONTWAIT);
	bool is_short = sent == -EAGAIN || (sent >= 0 && letter->sent < letter->parcel.size);
	int result;

	if (is_short && waits(socket, letter->parcel.flags))
		return start_waiting(letter, fd_steal(&socket));
	result = result_of(letter, sent < 0 ? (int)sent : 0);
	discard(letter);
	if (result < 0)
		return -result;
	return broker_reply(&letter->caller, result) ? ANSWER_SENT : ANSWER_NONE;
}

int post_message(struct request *request, const struct message *message, uint64_t report_at)
{
	struct letter letter = {.caller = request->caller};
	struct message plain = *message;
	int socket = -1;
	int answer;

	plain.header.msg_control = NULL;
	plain.header.msg_controllen = 0;
	answer = message_pack(request, &plain, &letter.parcel);
	letter.parcel.report_at = report_at;
	if (answer == 0)
		answer = read_control(&letter, &message->header);
	if (answer == 0)
		socket = socket_take(request, &answer);
	if (answer == 0)
		return send_letter(&letter, socket);
	fd_close_at(&socket);
	discard(&letter);
	return answer;
}
