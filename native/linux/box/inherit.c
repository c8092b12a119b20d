/* The plan is read once and then closed; so is whatever else was left open. */
#include "inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../common/die.h"
#include "../../common/exit.h"
#include "../../common/fd.h"
#include "../../common/limits.h"
#include "../confine/namespaces.h"
#include "../uapi.h"
#include "supervisor.h"

/* The bytes of the plan stay allocated: the process ends with the box. */
static void read_plan(struct plan *plan)
{
	ae_auto_free unsigned char *data = NULL;
	const char *why = "";
	size_t size = 0;
	int error = fd_read_all(PLAN_FD, AE_PLAN_SIZE_MAX, &data, &size);

	if (error != 0)
		die("plan", -error, "Cannot read the plan");
	close(PLAN_FD);
	error = plan_parse(data, size, plan, &why);
	if (error != 0)
		die("plan", -error, "Cannot use the plan: %s", why);
}

/* aegis may have died before the death signal was armed; then nobody reads the frames. */
static void check_reader(void)
{
	struct pollfd wait = {.fd = FRAMES_FD};

	if (poll(&wait, 1, 0) > 0 && (wait.revents & (POLLERR | POLLHUP | POLLNVAL)))
		_exit(AE_EXIT_FAILED);
}

/* Keeps the gate and the line to aegis, if they are there, and closes whatever else was inherited.
 */
static int keep_descriptors(void)
{
	bool has_gate = fcntl(GATE_FD, F_SETFD, FD_CLOEXEC) == 0;

	/* ignored: who is asked without it says no */
	(void)fcntl(ASK_FD, F_SETFD, FD_CLOEXEC);
	if (uapi_close_range(ASK_FD + 1, ~0u) < 0)
		die("supervisor", errno, "Cannot close inherited descriptors");
	return has_gate ? GATE_FD : -1;
}

void inherit(struct plan *plan, struct inherited *inherited)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		die("supervisor", errno, "Cannot tie the helper to aegis");
	if (fcntl(FRAMES_FD, F_SETFD, FD_CLOEXEC) < 0)
		_exit(AE_EXIT_FAILED);
	die_init(FRAMES_FD);
	inherited->gate = keep_descriptors();
	read_plan(plan);
	if (!plan->asks)
		close(ASK_FD);
	else if (fcntl(ASK_FD, F_GETFD) < 0)
		die("ask", errno, "Cannot ask aegis");
	check_reader();
	inherited->keeps_privileges = plan_only_watches(plan) && namespaces_may_administer();
	if (!inherited->keeps_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("supervisor", errno, "Cannot give up new privileges");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		die("supervisor", errno, "Cannot become the reaper of the box");
}
