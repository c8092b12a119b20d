/*
 * The box listens in its own network. Beside it, on the host, listens a socket that the outside
 * service made; each connection to it is carried to the box's own by a thread here. It stays until
 * the box ends, so that a server may be restarted; while nobody serves inside, or there is no room
 * or no descriptor for one more, who connects is turned away.
 */
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/thread.h"
#include "../answer/jobs.h"
#include "../outside/outside_link.h"

enum {
	SERVED_MAX = 64,
	CARRIED_MAX = 256,
	STACK_SIZE = 64 * 1024,
	CHUNK = 64 * 1024,
	PAUSE_MS = 50
};

struct door {
	struct outside_address address;
	int listener;
	/* Kept to be given up for a moment where there is no other descriptor. */
	int spare;
};

struct carriage {
	int from_host;
	int inside;
	char data[CHUNK];
};

/* What the job of one call to listen knows. */
struct opening {
	struct outside_request ask;
	int link;
	int backlog;
};

static struct {
	pthread_mutex_t lock;
	size_t count;
	struct door doors[SERVED_MAX];
	unsigned int carried;
} serve = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int start_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	return thread_start(body, argument, STACK_SIZE, &thread);
}

/* Where the box's own server is reached from inside. */
static int connect_inside(const struct outside_address *address)
{
	static const unsigned char any[16];
	struct outside_address to = *address;
	struct sockaddr_storage storage;
	ae_auto_fd int fd = -1;
	socklen_t size;

	if (!memcmp(to.bytes, any, sizeof(any))) {
		to.bytes[to.family == 4 ? 0 : 15] = to.family == 4 ? 127 : 1;
		to.bytes[3] = to.family == 4 ? 1 : 0;
	}
	size = outside_sockaddr(&to, to.family, &storage);
	fd = socket(to.family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&storage, size) < 0)
		return -errno;
	return fd_steal(&fd);
}

/* False when this direction has ended; the other may go on. */
static bool carry(struct carriage *carriage, int from, int to)
{
	ssize_t got = fd_read(from, carriage->data, sizeof(carriage->data));

	if (got > 0 && fd_write_all(to, carriage->data, (size_t)got) == 0)
		return true;
	shutdown(to, SHUT_WR);
	return false;
}

static void *carry_both(void *argument)
{
	struct carriage *carriage = argument;
	struct pollfd waits[] = {{.fd = carriage->from_host, .events = POLLIN},
				 {.fd = carriage->inside, .events = POLLIN}};

	while (waits[0].fd >= 0 || waits[1].fd >= 0) {
		if (poll(waits, 2, -1) < 0 && errno != EINTR)
			break;
		if (waits[0].fd >= 0 && waits[0].revents &&
		    !carry(carriage, carriage->from_host, carriage->inside))
			waits[0].fd = -1;
		if (waits[1].fd >= 0 && waits[1].revents &&
		    !carry(carriage, carriage->inside, carriage->from_host))
			waits[1].fd = -1;
	}
	close(carriage->from_host);
	close(carriage->inside);
	free(carriage);
	pthread_mutex_lock(&serve.lock);
	serve.carried--;
	pthread_mutex_unlock(&serve.lock);
	return NULL;
}

static bool take_room(void)
{
	bool has_room;

	pthread_mutex_lock(&serve.lock);
	has_room = serve.carried < CARRIED_MAX;
	serve.carried += has_room;
	pthread_mutex_unlock(&serve.lock);
	return has_room;
}

static void give_room(void)
{
	pthread_mutex_lock(&serve.lock);
	serve.carried--;
	pthread_mutex_unlock(&serve.lock);
}

static void admit(const struct door *door, int from_host)
{
	struct carriage *carriage = NULL;
	ae_auto_fd int inside = -1;

	if (take_room()) {
		inside = connect_inside(&door->address);
		carriage = inside < 0 ? NULL : malloc(sizeof(*carriage));
		if (carriage) {
			carriage->from_host = from_host;
			carriage->inside = fd_steal(&inside);
			if (start_thread(carry_both, carriage) == 0)
				return;
			close(carriage->inside);
			free(carriage);
		}
		give_room();
	}
	close(from_host);
}

/*
 * Who waits in a queue nobody can take from would wait for ever, and asking for it again and again
 * is all the thread would do.
 */
static void turn_away(struct door *door)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int fd;

	fd_close_at(&door->spare);
	fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	door->spare = fcntl(door->listener, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		nanosleep(&pause, NULL);
}

static void *keep_door(void *argument)
{
	struct door *door = argument;

	for (;;) {
		int fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			admit(door, fd);
		else if (errno == EBADF || errno == EINVAL)
			return NULL;
		else if (errno != EINTR && errno != ECONNABORTED)
			turn_away(door);
	}
}

static bool has_door(const struct outside_address *address)
{
	bool found = false;

	pthread_mutex_lock(&serve.lock);
	for (size_t i = 0; !found && i < serve.count; i++)
		found = !memcmp(&serve.doors[i].address, address, sizeof(*address));
	pthread_mutex_unlock(&serve.lock);
	return found;
}

/* Takes the listener over. */
static int add_door(const struct outside_address *address, int listener)
{
	struct door *door = NULL;
	int error = -ENOBUFS;

	pthread_mutex_lock(&serve.lock);
	if (serve.count < SERVED_MAX) {
		door = &serve.doors[serve.count++];
		door->address = *address;
		door->listener = listener;
		door->spare = fcntl(listener, F_DUPFD_CLOEXEC, 0);
		error = start_thread(keep_door, door);
	}
	pthread_mutex_unlock(&serve.lock);
	if (error != 0)
		close(listener);
	return error;
}

/* Runs as a job: the service may have much to do. */
static int open_and_listen(struct job *job)
{
	const struct opening *opening = job->context;
	int listener;
	int error = 0;

	if (!has_door(&opening->ask.address)) {
		listener = outside_ask(opening->link, &opening->ask);
		error = listener < 0 ? listener : add_door(&opening->ask.address, listener);
	}
	if (error == 0 && listen(job->fd, opening->backlog) < 0)
		error = -errno;
	return error;
}

/* The address the socket is bound to. False when it has none that could be served. */
static bool bound_to(int socket, struct outside_request *ask)
{
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);
	const struct sockaddr_in *in = (const struct sockaddr_in *)&storage;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&storage;
	int only = 0;

	memset(&ask->address, 0, sizeof(ask->address));
	if (getsockname(socket, (struct sockaddr *)&storage, &size) < 0)
		return false;
	ask->kind = OUTSIDE_LISTEN;
	ask->address.port = ntohs(in->sin_port);
	ask->address.family = storage.ss_family == AF_INET ? 4 : 6;
	ask->socket_family = ask->address.family;
	if (storage.ss_family == AF_INET) {
		memcpy(ask->address.bytes, &in->sin_addr, 4);
	} else {
		memcpy(ask->address.bytes, &in6->sin6_addr, 16);
		size = sizeof(only);
		(void)getsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size);
	}
	ask->no_wait = only != 0;
	return ask->address.port != 0;
}

bool serve_is_granted(const struct judge *judge, const struct plan_rule *rules,
		      const struct outside_address *address)
{
	char host[INET6_ADDRSTRLEN];
	struct subject subject = {
		.action = ACTION_NET_BIND,
		.path = host,
		.host = host,
		.has_port = true,
		.port = address->port,
		.protocol = IPPROTO_TCP,
	};
	struct verdict verdict;

	inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, host, sizeof(host));
	subject.path_size = subject.host_size = strlen(host);
	verdict = judge_decide(judge, &subject);
	return verdict.allowed && !rules[verdict.rule].inside;
}

int serve_listen(struct request *request, int taken)
{
	const struct box_rules *rules = request->rules;
	struct job job = {.caller = request->caller, .fd = taken, .held = -1};
	struct opening *opening = calloc(1, sizeof(*opening));
	int answer = ENOMEM;

	if (!opening) {
		close(taken);
		return answer;
	}
	opening->link = rules->outside;
	opening->backlog = (int)request->data->args[1];
	if (request->protocol != IPPROTO_TCP || !bound_to(taken, &opening->ask) ||
	    !serve_is_granted(rules->judge, rules->rules, &opening->ask.address)) {
		answer = listen(taken, opening->backlog) < 0 ? errno : ANSWER_DONE;
		close(taken);
		free(opening);
		return answer;
	}
	job.perform = open_and_listen;
	job.context = opening;
	answer = jobs_start(&job);
	return answer ? answer : ANSWER_SENT;
}
