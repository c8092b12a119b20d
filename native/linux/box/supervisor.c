/*
 * The supervisor stays outside: it holds nothing the box could want, relays signals and the exit
 * status, and dies with aegis. It is in the foreground process group like the command, so what the
 * terminal sends to the group is left to the command; only what somebody sent to this process is
 * passed on.
 */
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../common/die.h"
#include "../../common/exit.h"
#include "../../common/fd.h"
#include "../../common/wire.h"
#include "../ask/lend.h"
#include "../confine/landlock.h"
#include "../confine/namespaces.h"
#include "../limits/limits.h"
#include "../links/scan.h"
#include "../outside/outside.h"
#include "box.h"
#include "descendants.h"
#include "inherit.h"

struct supervisor {
	pid_t box;
	/* Looks for other names of forbidden files; 0: there is none. */
	pid_t scanner;
	/* As seen from here; 0 until it is ready. */
	pid_t command;
	int signals;
	int control;
	int start;
	struct inherited inherited;
	/* The terminal has sent a stop signal to the whole group. */
	bool group_was_told;
	/* The broker was told to end the box. */
	bool has_ended_box;
};

static const int watched[] = {
	SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU,
};

static void make_pair(int type, int pair[2])
{
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		die("supervisor", errno, "Cannot make the links of the box");
}

static void watch_signals(struct supervisor *supervisor, sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(*watched); i++)
		sigaddset(&set, watched[i]);
	sigprocmask(SIG_BLOCK, &set, before);
	supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (supervisor->signals < 0)
		die("supervisor", errno, "Cannot watch signals");
}

static void fork_box(struct supervisor *supervisor, const struct plan *plan)
{
	struct box_links links;
	int control[2];
	int start[2];
	int on = 1;
	int error;

	watch_signals(supervisor, &links.mask);
	make_pair(SOCK_SEQPACKET, control);
	make_pair(SOCK_STREAM, start);
	limits_open(plan);
	/* The kernel then tells us the command's pid as it is known out here. */
	if (setsockopt(start[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		die("supervisor", errno, "Cannot make the links of the box");
	/* Before the namespaces: it stays in the host's. */
	error = outside_start(plan, &links.outside);
	if (error != 0)
		die("gateway", -error, "Cannot start the service that connects the box");
	error = lend_start(plan, &links.lender);
	if (error != 0)
		die("ask", -error, "Cannot start the service that opens what is allowed");
	error = scan_start(plan, &supervisor->scanner);
	if (error != 0)
		die("rules", -error, "Cannot start the look for other names of forbidden files");
	error = namespaces_enter_outer(plan->namespaces);
	if (error != 0)
		die("namespaces", -error, "Cannot create the box's user or pid namespace");
	supervisor->box = fork();
	if (supervisor->box < 0)
		die("supervisor", errno, "Cannot fork the broker");
	if (supervisor->box == 0) {
		links.control = control[1];
		links.start = start[1];
		links.keeps_privileges = supervisor->inherited.keeps_privileges;
		close(control[0]);
		close(start[0]);
		close(supervisor->signals);
		fd_close_at(&supervisor->inherited.gate);
		limits_enter_box();
		box_run(plan, &links);
	}
	limits_watch(supervisor->box);
	close(control[1]);
	close(start[1]);
	fd_close_at(&links.outside);
	fd_close_at(&links.lender);
	scan_leave();
	supervisor->control = control[0];
	supervisor->start = start[0];
}

/* The supervisor keeps no power over the namespace it made, and cannot be traced by the box. */
static void retire(void)
{
	int error = namespaces_drop_capabilities();

	if (error != 0)
		die("capabilities", -error, "Cannot give up capabilities");
	/* Only now, or the command would inherit it: a broker that died is reported, not shared. */
	signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		die("supervisor", errno, "Cannot tie the helper to aegis");
}

static void report_started(pid_t command)
{
	unsigned char frame[16];
	size_t at = wire_header(frame, WIRE_STARTED);

	at = wire_u32(frame, at, (uint32_t)command);
	at = wire_u32(frame, at, (uint32_t)landlock_abi());
	wire_finish(frame, at);
	if (fd_write_all(FRAMES_FD, frame, at) < 0)
		_exit(AE_EXIT_FAILED);
}

/* The command is ready. */
static void hear_command(struct supervisor *supervisor)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} ancillary;
	char byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &ancillary,
				 .msg_controllen = sizeof(ancillary)};
	struct ucred sender;

	if (recvmsg(supervisor->start, &message, 0) == 1 && CMSG_FIRSTHDR(&message)) {
		memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
		supervisor->command = sender.pid;
	} else {
		fd_close_at(&supervisor->start);
	}
}

/*
 * The box was built while aegis opened the session. Without the byte there is no session, and then
 * there is no command either.
 */
static void hear_gate(struct supervisor *supervisor)
{
	char byte;

	if (fd_read(supervisor->inherited.gate, &byte, 1) != 1) {
		die_report("gate", 0, "The session was not opened");
		kill(supervisor->box, SIGKILL);
	}
	fd_close_at(&supervisor->inherited.gate);
}

/* Once the command is ready and may go: say so, then let it. */
static void start_command(struct supervisor *supervisor)
{
	if (!supervisor->command || supervisor->inherited.gate >= 0 || supervisor->start < 0)
		return;
	report_started(supervisor->command);
	limits_start();
	/* ignored: when the command is gone the broker reports it */
	(void)fd_write_all(supervisor->start, "", 1);
	fd_close_at(&supervisor->start);
}

/* The broker is gone: hand its status on. */
static _Noreturn void finish(const struct supervisor *supervisor, int status)
{
	scan_end(supervisor->scanner);
	/* Without a pid namespace a broker that gave up leaves its processes to us. */
	descendants_end();
	limits_finish();
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	die("broker", 0, "The broker was killed by signal %d", WTERMSIG(status));
}

static void reap(const struct supervisor *supervisor)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == supervisor->box)
			finish(supervisor, status);
	}
}

static void relay(const struct supervisor *supervisor, const struct signalfd_siginfo *info)
{
	struct control message = {CONTROL_SIGNAL, (int32_t)info->ssi_signo};

	/* The terminal and the kernel have told the whole group already. */
	if (info->ssi_code == SI_KERNEL)
		return;
	/* ignored: a broker that is gone is reaped next */
	(void)fd_write_all(supervisor->control, &message, sizeof(message));
}

static bool is_stop(uint32_t signal)
{
	return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* Drains the signals. */
static void take_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(supervisor);
		else if (is_stop(info.ssi_signo))
			supervisor->group_was_told = true;
		else
			relay(supervisor, &info);
	}
}

/*
 * The job stops when the command has stopped, neither before (the shell would take the terminal
 * while the command still reads from it) nor when the command chose not to. A command that stopped
 * itself meant its whole group, but its scope ends at the box: the group is told in its name. aegis
 * may have its own idea of the stop signal, so it is stopped for certain, if it is part of this
 * job.
 */
static void stop_job(struct supervisor *supervisor)
{
	pid_t parent = getppid();

	if (!supervisor->group_was_told)
		kill(0, SIGTSTP);
	if (getpgid(parent) == getpgrp())
		kill(parent, SIGSTOP);
	raise(SIGSTOP);
	/* Here the job goes on. */
}

static void follow_command(struct supervisor *supervisor)
{
	struct control message;
	uint32_t stopped_by = 0;

	while (recv(supervisor->control, &message, sizeof(message), MSG_DONTWAIT) ==
	       sizeof(message))
		stopped_by = message.kind == CONTROL_STOPPED ? (uint32_t)message.value : 0;
	if (is_stop(stopped_by) && supervisor->command && getpgid(supervisor->command) == getpgrp())
		stop_job(supervisor);
	supervisor->group_was_told = false;
}

/* The broker ends the box, because it has still to tell what happened in it. */
static void keep_limits(struct supervisor *supervisor)
{
	struct control message = {CONTROL_END, 0};

	if (!limits_check())
		return;
	if (!supervisor->has_ended_box) {
		supervisor->has_ended_box = true;
		/* ignored: a broker that is gone is reaped next */
		(void)fd_write_all(supervisor->control, &message, sizeof(message));
	} else if (limits_out_of_patience()) {
		kill(supervisor->box, SIGKILL);
	}
}

static _Noreturn void supervise(struct supervisor *supervisor)
{
	struct pollfd waits[] = {
		{.fd = supervisor->signals, .events = POLLIN},
		{.fd = supervisor->control, .events = POLLIN},
		{.fd = supervisor->start, .events = POLLIN},
		{.fd = supervisor->inherited.gate, .events = POLLIN},
		{.fd = limits_fd(), .events = POLLIN},
	};

	for (;;) {
		if (poll(waits, 5, limits_wait()) < 0 && errno != EINTR)
			die("supervisor", errno, "Cannot wait for the box");
		take_signals(supervisor);
		keep_limits(supervisor);
		if (supervisor->has_ended_box)
			waits[4].fd = -1;
		if (waits[1].revents & POLLIN)
			follow_command(supervisor);
		/* The broker's end closes when it dies; its status comes with SIGCHLD. */
		if (waits[1].revents & (POLLHUP | POLLERR))
			waits[1].fd = -1;
		if (waits[2].revents) {
			hear_command(supervisor);
			waits[2].fd = -1;
		}
		if (waits[3].revents) {
			hear_gate(supervisor);
			waits[3].fd = -1;
		}
		start_command(supervisor);
	}
}

int supervisor_run(void)
{
	struct supervisor supervisor = {.start = -1};
	struct plan plan;

	inherit(&plan, &supervisor.inherited);
	fork_box(&supervisor, &plan);
	retire();
	supervise(&supervisor);
}
