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

#include "../../common/fd.h"
#include "../answer/broker.h"
#include "../answer/jobs.h"
#include "control.h"

/* As many descriptors as the kernel takes, each in a part of its own, and something beside them. */
enum { CONTROL_ROOM = CONTROL_FDS_MAX * 24 + 256 };

struct letter {
	struct caller caller;
	struct parcel parcel;
	size_t sent;
	size_t fd_count;
	int fds[CONTROL_FDS_MAX];
	unsigned char control[CONTROL_ROOM];
	size_t control_size;
};

static void discard(struct letter *letter)
{
	for (size_t i = 0; i < letter->fd_count; i++)
		fd_close_at(&letter->fds[i]);
	free(letter->parcel.data);
}

/* The caller's descriptor becomes our own of the same file. */
static int take_descriptor(void *context, int *number)
{
	struct letter *letter = context;
	int fd = caller_take_fd(&letter->caller, *number);

	if (fd < 0)
		return fd == -ESRCH ? ANSWER_NONE : fd == -EBADF ? EBADF : EACCES;
	letter->fds[letter->fd_count++] = fd;
	*number = fd;
	return 0;
}

static int read_control(struct letter *letter, const struct uapi_message *from)
{
	int error;

	if (from->control_size > sizeof(letter->control))
		return ENOBUFS;
	if (from->control_size == 0)
		return 0;
	error = caller_read(&letter->caller, from->control, letter->control, from->control_size);
	if (error != 0)
		return error == -ESRCH ? ANSWER_NONE : -error;
	letter->control_size = from->control_size;
	return control_check(letter->control, &letter->control_size, take_descriptor, letter);
}

/* A size, or -errno. */
static ssize_t send_rest(int socket, struct letter *letter, int flags)
{
	const struct outgoing outgoing = {
		.data = letter->parcel.data + letter->sent,
		.size = letter->parcel.size - letter->sent,
		.control = letter->control,
		/* Descriptors go with the first byte. */
		.control_size = letter->sent ? 0 : letter->control_size,
	};
	ssize_t sent = message_transmit(socket, &outgoing, letter->parcel.flags | flags);

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

/* Takes the socket over. 0, or the errno of why nobody can wait for it. */
static int start_waiting(const struct letter *letter, int socket)
{
	struct job job = {.caller = letter->caller,
			  .perform = wait_and_send,
			  .kept_size = letter->parcel.size,
			  .fd = socket,
			  .held = -1,
			  .context = malloc(sizeof(*letter))};

	if (!job.context) {
		close(socket);
		return ENOMEM;
	}
	memcpy(job.context, letter, sizeof(*letter));
	return jobs_start(&job);
}

static int send_letter(struct letter *letter, int taken)
{
	ae_auto_fd int socket = taken;
	ssize_t sent = send_rest(socket, letter, MSG_DONTWAIT);
	bool is_short = sent == -EAGAIN || (sent >= 0 && letter->sent < letter->parcel.size);
	int error = sent < 0 ? (int)sent : 0;
	int result;

	if (is_short && waits(socket, letter->parcel.flags)) {
		error = -start_waiting(letter, fd_steal(&socket));
		if (error == 0)
			return ANSWER_SENT;
	}
	/* What was sent of it stays sent, though the rest is not. */
	result = result_of(letter, error);
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

	plain.header.control_size = 0;
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
