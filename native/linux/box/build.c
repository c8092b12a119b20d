/*
 * Namespaces before mounts, mounts before Landlock, which forbids them. Each step that fails ends
 * the helper with a frame that says which.
 */
#include "build.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../common/die.h"
#include "../confine/landlock.h"
#include "../confine/mounts.h"
#include "../confine/namespaces.h"
#include "../judge/resolve.h"
#include "../links/links.h"
#include "../outside/outside.h"
#include "../uapi.h"

bool build_has_pid_namespace(const struct plan *plan)
{
	return plan->namespaces & CLONE_NEWPID;
}

/* Only now is the port below 1024 ours to take; the service outside does the talking. */
static void serve_names(const struct box_links *links)
{
	int datagram;
	int stream;
	int error = namespaces_listen_for_names(&datagram, &stream);

	if (error == 0)
		error = outside_serve_names(links->outside, datagram, stream);
	if (error != 0)
		die("gateway", -error, "Cannot serve names in the box");
	close(datagram);
	close(stream);
	namespaces_allow_ping();
}

static void build_namespaces(const struct plan *plan, const struct box_links *links)
{
	struct mounts_culprit culprit;
	int error = namespaces_enter_inner(plan->namespaces);

	if (error != 0)
		die("namespaces", -error, "Cannot create the box's namespaces");
	if (plan->namespaces & CLONE_NEWNET) {
		error = namespaces_raise_loopback();
		if (error != 0)
			die("loopback", -error, "Cannot bring the box's loopback interface up");
		if (links->outside >= 0)
			serve_names(links);
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
 * broker, and the narrower rules if /proc was added. Its ruleset, -1 for none.
 */
static int confine(const struct plan *plan)
{
	uint64_t scoped = landlock_abi() >= 6 ? AE_LANDLOCK_SCOPE_SIGNAL : 0;
	bool reads_proc = landlock_reads_proc(plan);
	int of_command = -1;
	int ruleset;
	int error;

	if (!plan->has_landlock)
		return -1;
	if (plan->handled_fs || plan->handled_net || plan->scoped) {
		ruleset = ruleset_or_die(plan, (struct landlock_extra){.read_proc = !reads_proc});
		if (!reads_proc)
			of_command =
				ruleset_or_die(plan, (struct landlock_extra){.scoped = scoped});
		error = landlock_restrict(ruleset);
		close(ruleset);
		if (error != 0)
			die("landlock", -error, "Cannot confine the broker");
	}
	if (of_command < 0 && scoped)
		of_command = landlock_build_scopes(scoped);
	if (of_command < 0 && scoped)
		die("landlock", -of_command, "Cannot make the command's signal scope");
	return of_command;
}

static void build_judge(const struct plan *plan, struct box_rules *rules)
{
	rules->judge = judge_build(plan->rules, plan->rule_count);
	rules->failing = judge_build_failing(plan->rules, plan->rule_count);
	if (!rules->judge || !rules->failing)
		die("rules", ENOMEM, "Cannot build the rule table");
	if (rules->broker_create)
		links_start(plan, rules->judge);
}

int build_box(const struct plan *plan, const struct box_links *links, struct box_rules *rules)
{
	int error;

	if (plan->has_notify)
		build_judge(plan, rules);
	build_namespaces(plan, links);
	if (plan->has_notify) {
		error = resolve_init();
		if (error == -EXDEV)
			die("proc", 0,
			    "Cannot audit the box: /proc does not show its pid namespace");
		if (error != 0)
			die("proc", -error, "Cannot audit the box without /proc");
	}
	error = links->keeps_privileges ? 0 : namespaces_drop_capabilities();
	if (error != 0)
		die("capabilities", -error, "Cannot give up capabilities");
	/* The change of credentials may have dropped it. */
	if (build_has_pid_namespace(plan) && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		die("command", errno, "Cannot tie the broker to its supervisor");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		die("command", errno, "Cannot become the reaper of the box");
	return confine(plan);
}
