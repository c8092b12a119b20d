/*
 * The broker builds the box around itself, then forks the command into it. It shares the box's
 * namespaces and is under the box's own Landlock rules, so a mistake in answering cannot open what
 * the policy forbids, and it is neither dumpable nor signallable from inside. It is never under the
 * command's seccomp filter: it has to read memory and answer.
 *
 * All signals are blocked here: a terminal's ^C and ^Z reach the broker too, but mean the command.
 */
#include "box.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../common/die.h"
#include "../../common/exit.h"
#include "../../common/fd.h"
#include "../answer/notify.h"
#include "../judge/frames.h"
#include "../limits/limit_hits.h"
#include "../limits/limits.h"
#include "../links/scan.h"
#include "../outside/outside.h"
#include "../sockets/held.h"
#include "build.h"
#include "command.h"
#include "descendants.h"
#include "ferry.h"

struct box {
	const struct plan *plan;
	const struct box_links *links;
	struct box_rules rules;
	/* Ruleset of the command's own layer, -1 for none. */
	int command_ruleset;
	int command_link;
	pid_t command;
	bool has_ended;
	int wait_status;
	/* errno of the command's execve, 0 when it succeeded. */
	int exec_error;
};

/* A caller's descriptor may have any number, and is given that number here for a moment. */
static void lift_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		/* ignored: sockets with larger numbers are refused then */
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void fork_command(struct box *box)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("command", errno, "Cannot make the command's link");
	box->command = limits_fork();
	if (box->command < 0)
		die("command", errno, "Cannot fork the command");
	if (box->command == 0) {
		struct command_setup setup = {box->command_ruleset, pair[1], box->links};

		close(pair[0]);
		command_run(box->plan, &setup);
	}
	close(pair[1]);
	close(box->links->start);
	fd_close_at(&box->command_ruleset);
	box->command_link = pair[0];
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		die("command", errno, "Cannot close the broker to the box");
}

/* Takes the listener out of the command, which waits for the byte sent here. */
static void start_answering(struct box *box)
{
	struct caller command = {.tid = box->command};
	int number;
	int listener;
	int error;

	if (fd_read(box->command_link, &number, sizeof(number)) != sizeof(number)) {
		/* It said why in a frame of its own. */
		waitpid(box->command, NULL, 0);
		_exit(AE_EXIT_FAILED);
	}
	error = frames_start(FRAMES_FD);
	if (error != 0)
		die("frames", -error, "Cannot start the frame writer");
	if (number >= 0) {
		listener = plan_makes_sockets(box->plan) ? ferry_receive(box->command_link)
							 : caller_take_fd(&command, number);
		if (listener < 0)
			die("notify", -listener, "Cannot take the listener from the command");
		error = box->rules.makes_sockets ? held_start() : 0;
		if (error == 0)
			error = notify_start(listener, &box->rules);
		if (error != 0)
			die("notify", -error, "Cannot start answering the box's calls");
	}
	if (fd_write_all(box->command_link, "", 1) < 0)
		die("command", EPIPE, "The command died before it started");
}

static void tell_supervisor(const struct box *box, enum control_kind kind, int value)
{
	struct control message = {kind, value};

	/* ignored: when the supervisor is gone the main loop sees it */
	(void)fd_write_all(box->links->control, &message, sizeof(message));
}

/* As waitpid for any child, without waiting. Orphans are looked at before they are gone. */
static pid_t take_child(const struct box *box, int *status)
{
	siginfo_t child = {.si_pid = 0};

	if (waitid(P_ALL, 0, &child, WEXITED | WSTOPPED | WCONTINUED | WNOWAIT | WNOHANG) < 0)
		return -1;
	if (child.si_pid != box->command)
		limit_hits_end(&child);
	return child.si_pid ? waitpid(child.si_pid, status, WNOHANG | WUNTRACED | WCONTINUED) : 0;
}

static void reap(struct box *box)
{
	int status;
	pid_t pid;

	while ((pid = take_child(box, &status)) > 0) {
		if (pid != box->command)
			continue;
		if (WIFSTOPPED(status)) {
			tell_supervisor(box, CONTROL_STOPPED, WSTOPSIG(status));
		} else if (WIFCONTINUED(status)) {
			tell_supervisor(box, CONTROL_CONTINUED, 0);
		} else {
			box->has_ended = true;
			box->wait_status = status;
		}
	}
}

/* Ends every process of the box but this one. */
static void end_box(const struct box *box)
{
	if (build_has_pid_namespace(box->plan) && getpid() == 1) {
		kill(-1, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
			;
		return;
	}
	descendants_end();
}

/* False when the supervisor is gone. */
static bool obey(struct box *box)
{
	struct control message;
	ssize_t got = read(box->links->control, &message, sizeof(message));

	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	if (got == 0)
		return false;
	if (got != sizeof(message) || box->has_ended)
		return true;
	if (message.kind == CONTROL_SIGNAL) {
		kill(box->command, message.value);
	} else if (message.kind == CONTROL_END) {
		box->has_ended = true;
		box->wait_status = SIGKILL;
	}
	return true;
}

static void read_exec_error(struct box *box)
{
	ssize_t got = fd_read(box->command_link, &box->exec_error, sizeof(box->exec_error));

	if (got != sizeof(box->exec_error))
		box->exec_error = 0;
	fd_close_at(&box->command_link);
}

static void run(struct box *box, int signals)
{
	struct pollfd waits[] = {
		{.fd = signals, .events = POLLIN},
		{.fd = box->links->control, .events = POLLIN},
		{.fd = FRAMES_FD},
		{.fd = box->command_link, .events = POLLIN},
	};
	struct signalfd_siginfo info;

	while (!box->has_ended) {
		if (poll(waits, 4, -1) < 0)
			continue;
		if (waits[0].revents && fd_read(signals, &info, sizeof(info)) > 0)
			reap(box);
		/* Without the supervisor or the reader nobody is answerable for the box. */
		if ((waits[1].revents && !obey(box)) || (waits[2].revents & (POLLERR | POLLHUP)) ||
		    frames_reader_gone()) {
			end_box(box);
			_exit(AE_EXIT_FAILED);
		}
		if (waits[3].revents) {
			read_exec_error(box);
			waits[3].fd = -1;
		}
	}
	if (box->command_link >= 0)
		read_exec_error(box);
}

static _Noreturn void finish(struct box *box)
{
	int status = box->wait_status;
	int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	int code = signal ? 128 + signal : WEXITSTATUS(status);
	struct rusage usage;

	end_box(box);
	scan_stop();
	notify_stop();
	limits_judge_end(box->plan, status);
	frames_flush();
	if (box->exec_error) {
		die_report("exec", box->exec_error, "Cannot execute \"%s\": %s", box->plan->program,
			   strerror(box->exec_error));
		_exit(box->exec_error == ENOENT ? AE_EXIT_NOT_FOUND : AE_EXIT_REFUSED);
	}
	getrusage(RUSAGE_CHILDREN, &usage);
	frames_add_exited(code, signal, &usage);
	frames_flush();
	_exit(code);
}

_Noreturn void box_run(const struct plan *plan, const struct box_links *links)
{
	struct box box = {.plan = plan, .links = links, .command_ruleset = -1, .command_link = -1};
	sigset_t all;
	sigset_t child;
	int signals;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	signals = signalfd(-1, &child, SFD_CLOEXEC);
	if (signals < 0)
		die("command", errno, "Cannot watch the command");
	if (build_has_pid_namespace(plan) && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		die("command", errno, "Cannot tie the broker to its supervisor");
	request_take_rules(plan, &box.rules);
	limit_hits_start(plan);
	box.rules.outside = links->outside;
	box.rules.lender = links->lender;
	box.command_ruleset = build_box(plan, links, &box.rules);
	fork_command(&box);
	if (links->outside >= 0 || links->lender >= 0)
		lift_descriptor_limit();
	start_answering(&box);
	run(&box, signals);
	finish(&box);
}
