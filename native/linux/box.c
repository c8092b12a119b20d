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
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/die.h"
#include "../common/exit.h"
#include "../common/fd.h"
#include "command.h"
#include "descendants.h"
#include "ferry.h"
#include "frames.h"
#include "held.h"
#include "landlock.h"
#include "limits.h"
#include "links.h"
#include "mounts.h"
#include "namespaces.h"
#include "notify.h"
#include "outside.h"
#include "uapi.h"

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

static bool has_pid_namespace(const struct box *box)
{
	return box->plan->namespaces & CLONE_NEWPID;
}

/* Only now is the port below 1024 ours to take; the service outside does the talking. */
static void serve_names(const struct box *box)
{
	int datagram;
	int stream;
	int error = namespaces_listen_for_names(&datagram, &stream);

	if (error == 0)
		error = outside_serve_names(box->links->outside, datagram, stream);
	if (error != 0)
		die("gateway", -error, "Cannot serve names in the box");
	close(datagram);
	close(stream);
	namespaces_allow_ping();
}

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

static void build_namespaces(const struct box *box)
{
	const struct plan *plan = box->plan;
	struct mounts_culprit culprit;
	int error = namespaces_enter_inner(plan->namespaces);

	if (error != 0)
		die("namespaces", -error, "Cannot create the box's namespaces");
	if (plan->namespaces & CLONE_NEWNET) {
		error = namespaces_raise_loopback();
		if (error != 0)
			die("loopback", -error, "Cannot bring the box's loopback interface up");
		if (box->links->outside >= 0)
			serve_names(box);
	}
	if (plan->namespaces & CLONE_NEWNS) {
		error = mounts_apply(plan, &culprit);
		if (error != 0)
			die(culprit.step, -error, "Cannot prepare \"%s\" for the box",
			    culprit.path);
	}
	if (chdir("/") < 0)
		die("mount", errno, "Cannot enter the box's root");
}

static int ruleset_or_die(const struct plan *plan, struct landlock_extra extra)
{
	const char *culprit = NULL;
	int ruleset = landlock_build(plan, extra, &culprit);

	if (ruleset < 0)
		die("landlock", -ruleset, "Cannot make the Landlock rule for \"%s\"",
		    culprit ? culprit : "the ruleset itself");
	return ruleset;
}

/*
 * The broker's layer is the plan's, plus reading /proc if the plan has not got that. The command's
 * layer then only needs what the broker's lacks: the scope that keeps it from signalling the
 * broker, and the narrower rules if /proc was added.
 */
static void confine(struct box *box)
{
	const struct plan *plan = box->plan;
	uint64_t scoped = landlock_abi() >= 6 ? AE_LANDLOCK_SCOPE_SIGNAL : 0;
	bool reads_proc = landlock_reads_proc(plan);
	int ruleset;
	int error;

	box->command_ruleset = -1;
	if (!plan->has_landlock)
		return;
	if (plan->handled_fs || plan->handled_net || plan->scoped) {
		ruleset = ruleset_or_die(plan, (struct landlock_extra){.read_proc = !reads_proc});
		if (!reads_proc)
			box->command_ruleset =
				ruleset_or_die(plan, (struct landlock_extra){.scoped = scoped});
		error = landlock_restrict(ruleset);
		close(ruleset);
		if (error != 0)
			die("landlock", -error, "Cannot confine the broker");
	}
	if (box->command_ruleset < 0 && scoped)
		box->command_ruleset = landlock_build_scopes(scoped);
	if (box->command_ruleset < 0 && scoped)
		die("landlock", -box->command_ruleset, "Cannot make the command's signal scope");
}

/* Before the mounts, for it looks at what they will hide. */
static void build_judge(struct box *box)
{
	int error = 0;

	box->rules.judge = judge_build(box->plan->rules, box->plan->rule_count);
	box->rules.failing = judge_build_failing(box->plan->rules, box->plan->rule_count);
	if (!box->rules.judge || !box->rules.failing)
		die("rules", ENOMEM, "Cannot build the rule table");
	if (box->rules.broker_open)
		error = links_start(box->plan, box->rules.judge);
	if (error != 0)
		die("rules", -error, "Cannot look for other names of forbidden files");
}

static void build(struct box *box)
{
	int error;

	if (box->plan->has_notify)
		build_judge(box);
	build_namespaces(box);
	if (box->plan->has_notify) {
		error = resolve_init();
		if (error == -EXDEV)
			die("proc", 0,
			    "Cannot audit the box: /proc does not show its pid namespace");
		if (error != 0)
			die("proc", -error, "Cannot audit the box without /proc");
	}
	error = box->links->keeps_privileges ? 0 : namespaces_drop_capabilities();
	if (error != 0)
		die("capabilities", -error, "Cannot give up capabilities");
	/* The change of credentials may have dropped it. */
	if (has_pid_namespace(box) && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		die("command", errno, "Cannot tie the broker to its supervisor");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		die("command", errno, "Cannot become the reaper of the box");
	confine(box);
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

static void reap(struct box *box)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
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
	if (has_pid_namespace(box) && getpid() == 1) {
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
	if (has_pid_namespace(&box) && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		die("command", errno, "Cannot tie the broker to its supervisor");
	request_take_rules(plan, &box.rules);
	box.rules.outside = links->outside;
	box.rules.lender = links->lender;
	build(&box);
	fork_command(&box);
	if (links->outside >= 0 || links->lender >= 0)
		lift_descriptor_limit();
	start_answering(&box);
	run(&box, signals);
	finish(&box);
}
