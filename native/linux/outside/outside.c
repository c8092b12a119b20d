/*
 * One thread per question: a dial may take long, and nobody else's may wait for it. A question is a
 * message with the socket its answer goes to; when that is closed the asker has given up and so
 * does the thread. Everything is decided by the gateway: the preamble says what is wanted and for
 * whom, its answer says yes or why not. The threads share nothing that changes.
 */
#include "outside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/thread.h"
#include "../../common/wire.h"
#include "../confine/namespaces.h"
#include "../sockets/datagrams.h"
#include "../sockets/serve.h"
#include "../uapi.h"
#include "names_relay.h"
#include "outside_confine.h"
#include "outside_gateway.h"
#include "outside_link.h"

enum { QUESTIONS_MAX = 1024, STACK_SIZE = 64 * 1024 };

struct question {
	struct outside_request request;
	int reply;
	/* The caller's own, which is to be connected; -1: one is to be made. */
	int socket;
};

static atomic_uint questions;

/* Set before any thread, then only read. */
static struct {
	const struct plan *plan;
	const struct judge *judge;
} rules;

static int make_datagram(const struct question *question, const struct outside_address *address)
{
	uint8_t family = question->request.socket_family;
	bool is_icmp = question->request.kind == OUTSIDE_ICMP;
	int protocol = !is_icmp ? IPPROTO_UDP : family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	struct sockaddr_storage storage;
	socklen_t size = outside_sockaddr(address, family, &storage);
	ae_auto_fd int fd = -1;

	if (size == 0)
		return -ENETUNREACH;
	fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
	if (fd < 0 || connect(fd, (struct sockaddr *)&storage, size) < 0)
		return -errno;
	return fd_steal(&fd);
}

/* The broker is not taken at its word: the rules are asked here as well. */
static int make_listener(const struct outside_request *request)
{
	const struct outside_address *address = &request->address;
	struct sockaddr_storage storage;
	socklen_t size = outside_sockaddr(address, address->family, &storage);
	int only = request->no_wait;
	int on = 1;
	ae_auto_fd int fd = -1;

	if (!serve_is_granted(rules.judge, rules.plan->rules, address))
		return -EACCES;
	fd = socket(address->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (address->family == 6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0) ||
	    bind(fd, (struct sockaddr *)&storage, size) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return fd_steal(&fd);
}

static bool is_stream(enum outside_kind kind)
{
	return kind == OUTSIDE_STREAM || kind == OUTSIDE_PROXY || kind == OUTSIDE_RESOLVER_STREAM;
}

static int ask_address(const struct question *question, struct outside_address *address)
{
	ae_auto_fd int asked = gateway_open(&question->request);
	int error = asked < 0 ? asked : gateway_await(asked, question->reply);

	return error ? error : gateway_read_address(asked, question->reply, address);
}

static int connect_datagram(const struct question *question, struct outside_address *address)
{
	const struct outside_request *request = &question->request;
	bool asks_names = request->kind == OUTSIDE_RESOLVER;
	int error = asks_names ? 0 : ask_address(question, address);

	/* What was refused leaves it as it was. */
	if (error == 0)
		error = datagram_take_port(question->socket, request->socket_family);
	if (error == 0 && asks_names)
		error = gateway_introduce(request, question->socket, question->reply, address);
	return error ? error : datagram_connect(question->socket, request->socket_family, address);
}

/* On the caller's own socket. */
static int connect_own(const struct question *question, struct outside_address *address)
{
	enum outside_kind kind = question->request.kind;

	if (is_stream(kind))
		return gateway_connect(&question->request, question->socket, question->reply);
	if (kind == OUTSIDE_DATAGRAM || kind == OUTSIDE_RESOLVER)
		return connect_datagram(question, address);
	return -EACCES;
}

static int answer(const struct question *question, struct outside_address *address)
{
	ae_auto_fd int asked = -1;
	int error;

	if (question->socket >= 0)
		return connect_own(question, address);
	if (question->request.kind == OUTSIDE_LISTEN)
		return make_listener(&question->request);
	if (question->request.kind == OUTSIDE_RESOLVER)
		return gateway_open_resolver(&question->request, question->reply);
	if (!is_stream(question->request.kind)) {
		error = ask_address(question, address);
		return error ? error : make_datagram(question, address);
	}
	asked = gateway_open(&question->request);
	error = asked < 0 ? asked : gateway_await(asked, question->reply);
	return error ? error : fd_steal(&asked);
}

static void reply(const struct question *question, int result,
		  const struct outside_address *address)
{
	ae_auto_fd int fd = question->socket < 0 ? result : -1;
	struct outside_reply said = {result < 0 ? result : 0, *address};

	/* ignored: an asker that is gone has closed its end */
	(void)link_send(question->reply, &said, sizeof(said), &fd, fd < 0 ? 0 : 1);
}

static void *work(void *argument)
{
	struct question *question = argument;
	struct outside_address address = {.family = 0};
	int result = answer(question, &address);

	reply(question, result, &address);
	close(question->reply);
	fd_close_at(&question->socket);
	free(question);
	questions--;
	return NULL;
}

static bool is_known(const struct outside_request *request)
{
	bool is_kind =
		(request->kind >= OUTSIDE_STREAM && request->kind <= OUTSIDE_RESOLVER_STREAM) ||
		request->kind == OUTSIDE_LISTEN;

	return is_kind && (request->socket_family == 4 || request->socket_family == 6) &&
	       (request->address.family == 4 || request->address.family == 6) &&
	       request->no_wait <= 1 && request->exe_size < AE_PATH_MAX;
}

static int start_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	return thread_start(body, argument, STACK_SIZE, &thread);
}

/* Takes over `fd`, and `socket` if there is one. */
static void take_question(const struct outside_request *request, int fd, int socket)
{
	struct question *question = malloc(sizeof(*question));
	const struct question refused = {.reply = fd, .socket = -1};
	const struct outside_address none = {.family = 0};
	int error = question ? 0 : -ENOMEM;

	if (error == 0) {
		*question = (struct question){*request, fd, socket};
		error = is_known(request) ? 0 : -EINVAL;
	}
	if (error == 0 && questions >= QUESTIONS_MAX)
		error = -EAGAIN;
	if (error == 0) {
		questions++;
		error = start_thread(work, question);
		if (error != 0)
			questions--;
	}
	if (error == 0)
		return;
	free(question);
	reply(&refused, error, &none);
	close(fd);
	fd_close_at(&socket);
}

static void take(const struct outside_request *request, struct link_fds *fds)
{
	if (request->kind == OUTSIDE_SERVE_NAMES && fds->fd[0] >= 0 && fds->fd[1] >= 0)
		names_relay_start(fd_steal(&fds->fd[0]), fd_steal(&fds->fd[1]), start_thread);
	else if (fds->fd[0] >= 0)
		take_question(request, fd_steal(&fds->fd[0]), fd_steal(&fds->fd[1]));
	link_close(fds);
}

/* Its standard streams lead nowhere, and nothing else is open but the link. */
static int keep_only(int link)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int kept = fcntl(link, F_DUPFD_CLOEXEC, 3);

	if (null < 0 || kept < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(null, fd) < 0)
			return -errno;
	}
	if (kept > 3 && uapi_close_range(3, (unsigned int)kept - 1) < 0)
		return -errno;
	return uapi_close_range((unsigned int)kept + 1, ~0u) < 0 ? -errno : kept;
}

/* True when some rule lets the box serve others. */
static bool serves(const struct plan *plan)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		if (rule->permit && !rule->inside && rule->actions & 1u << ACTION_NET_BIND)
			return true;
	}
	return false;
}

static _Noreturn void serve(const struct plan *plan, int link, pid_t parent)
{
	struct outside_request request;
	struct link_fds fds;
	sigset_t all;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	gateway_init(&plan->gateway);
	rules.plan = plan;
	rules.judge = judge_build(plan->rules, plan->rule_count);
	link = keep_only(link);
	if (link < 0 || !rules.judge || namespaces_drop_capabilities() != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent ||
	    outside_confine(plan->gateway.port, serves(plan)) != 0)
		_exit(1);
	for (;;) {
		error = link_receive(link, &request, sizeof(request), &fds);
		if (error == -EPIPE)
			_exit(0);
		if (error == 0)
			take(&request, &fds);
		else if (error != -EINTR)
			_exit(1);
	}
}

int outside_start(const struct plan *plan, int *link)
{
	pid_t parent = getpid();
	int pair[2];
	pid_t child;

	*link = -1;
	if (!plan->has_gateway)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		serve(plan, pair[1], parent);
	close(pair[1]);
	*link = pair[0];
	return 0;
}
