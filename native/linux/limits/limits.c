/*
 * How often the supervisor looks depends on how far the box is from a limit: no sooner than the
 * fastest machine could get there, no later than a quarter of a second. A box that is far away
 * costs a few looks a second, one that ends soon costs none.
 *
 * A limit is reported once. The first that ends the box counts; the broker is asked to end it, so
 * that what it has still to tell is told, and is killed when it does not.
 */
#include "limits.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../common/die.h"
#include "../../common/fd.h"
#include "../../common/wire.h"
#include "../box/supervisor.h"
#include "cgroup.h"
#include "relay.h"
#include "usage.h"

enum {
	LOOK_MIN_MS = 4,
	LOOK_MAX_MS = 250,
	PATIENCE_MS = 3000,
	/* Bytes a box can take in a millisecond: 8 GiB/s. */
	BYTES_A_MS = 8 << 20,
	/* Forks and clones in a millisecond. */
	FORKS_A_MS = 20,
	/* Threads of the supervisor and the broker, which the kernel counts with the box's. */
	OWN_THREADS = 8,
	EXE_MAX = 1024,
};

static struct {
	const struct plan_limit *limits;
	struct cgroup cgroup;
	int events;
	pid_t box;
	uint64_t started_ms;
	uint64_t look_ms;
	uint64_t ended_ms;
	bool is_reported[LIMIT_COUNT];
} watch = {.cgroup = CGROUP_NONE, .events = -1};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Below PIPE_BUF, so that it arrives whole beside the broker's frames. */
void limits_report(enum plan_limit_kind limit, enum limit_effect effect, uint64_t value,
		   uint64_t seen, pid_t pid)
{
	unsigned char frame[EXE_MAX + 64];
	char exe[EXE_MAX];
	size_t size = pid ? usage_exe(pid, exe, sizeof(exe)) : 0;
	size_t at = wire_header(frame, WIRE_LIMIT);

	at = wire_u64(frame, at, unix_ms());
	at = wire_u16(frame, at, (uint16_t)limit);
	at = wire_u16(frame, at, (uint16_t)effect);
	at = wire_u32(frame, at, pid ? (uint32_t)usage_pid_inside(pid) : 0);
	at = wire_u64(frame, at, value);
	at = wire_u64(frame, at, seen);
	at = wire_str(frame, at, exe, size);
	wire_finish(frame, at);
	/* ignored: without its reader the box ends anyway */
	(void)fd_write_all(FRAMES_FD, frame, at);
}

static void lower(int resource, uint64_t soft, uint64_t hard, const char *name)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		die("limits", errno, "Cannot read the limit on %s", name);
	if (limit.rlim_max > hard)
		limit.rlim_max = (rlim_t)hard;
	if (limit.rlim_cur > soft)
		limit.rlim_cur = (rlim_t)soft;
	if (setrlimit(resource, &limit) < 0)
		die("limits", errno, "Cannot set the limit on %s", name);
}

void limits_apply(const struct plan *plan)
{
	const struct plan_limit *limits = plan->limits;
	uint64_t seconds;

	if (limits[LIMIT_FILES].means & BY_RLIMIT)
		lower(RLIMIT_NOFILE, limits[LIMIT_FILES].value, limits[LIMIT_FILES].value,
		      "open files");
	if (limits[LIMIT_FILE_SIZE].means & BY_RLIMIT)
		lower(RLIMIT_FSIZE, limits[LIMIT_FILE_SIZE].value, limits[LIMIT_FILE_SIZE].value,
		      "the size of a file");
	if (limits[LIMIT_PROCESSES].means & BY_RLIMIT)
		lower(RLIMIT_NPROC, limits[LIMIT_PROCESSES].value + OWN_THREADS,
		      limits[LIMIT_PROCESSES].value + OWN_THREADS, "processes");
	if (limits[LIMIT_CPU].means & BY_RLIMIT) {
		/* Whole seconds of one process; the supervisor counts them all, and finer. */
		seconds = limits[LIMIT_CPU].value / 1000 + 1;
		lower(RLIMIT_CPU, seconds, seconds + 1, "CPU time");
	}
}

void limits_judge_end(const struct plan *plan, int wait_status)
{
	const struct plan_limit *limits = plan->limits;
	int signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;

	/* A shell passes on what ended its own command. */
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) > 128)
		signal = WEXITSTATUS(wait_status) - 128;
	if (signal == SIGXFSZ && limits[LIMIT_FILE_SIZE].means & BY_RLIMIT)
		limits_report(LIMIT_FILE_SIZE, EFFECT_REFUSED, limits[LIMIT_FILE_SIZE].value,
			      limits[LIMIT_FILE_SIZE].value, 0);
	if (signal == SIGXCPU && limits[LIMIT_CPU].means & BY_RLIMIT)
		limits_report(LIMIT_CPU, EFFECT_REFUSED, limits[LIMIT_CPU].value,
			      limits[LIMIT_CPU].value, 0);
}

static bool is_held(enum plan_limit_kind limit, enum plan_limit_means means)
{
	return watch.limits[limit].means & means;
}

static void add_event(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};

	if (fd >= 0 && epoll_ctl(watch.events, EPOLL_CTL_ADD, fd, &event) < 0)
		die("limits", errno, "Cannot watch the box's limits");
}

void limits_open(const struct plan *plan)
{
	int error;

	watch.limits = plan->limits;
	if (plan->cgroup) {
		error = cgroup_open(&watch.cgroup, plan->cgroup);
		if (error != 0)
			die("limits", -error, "Cannot use the cgroup \"%s\"", plan->cgroup);
	}
	watch.events = epoll_create1(EPOLL_CLOEXEC);
	if (watch.events < 0)
		die("limits", errno, "Cannot watch the box's limits");
	if (is_held(LIMIT_OUTPUT, BY_SUPERVISOR)) {
		error = relay_open(plan->limits[LIMIT_OUTPUT].value, watch.events);
		if (error == -ENOTTY)
			die("limits", ENOTTY,
			    "Cannot limit output: a standard stream is a terminal");
		if (error != 0)
			die("limits", -error, "Cannot relay the command's output");
	}
	add_event(watch.cgroup.memory_events, EPOLLPRI);
	add_event(watch.cgroup.processes_events, EPOLLPRI);
}

void limits_enter_box(void)
{
	relay_enter_box();
	fd_close_at(&watch.events);
}

void limits_watch(pid_t box)
{
	watch.box = box;
	relay_start();
}

void limits_start(void)
{
	watch.started_ms = now_ms();
	watch.look_ms = watch.started_ms + LOOK_MIN_MS;
}

int limits_fd(void)
{
	return watch.events;
}

pid_t limits_fork(void)
{
	return watch.cgroup.directory < 0 ? fork() : cgroup_fork(&watch.cgroup);
}

/* Does the supervisor have to look at the processes? */
static bool is_sampled(void)
{
	return is_held(LIMIT_MEMORY, BY_SUPERVISOR) || is_held(LIMIT_CPU, BY_SUPERVISOR) ||
	       is_held(LIMIT_PROCESSES, BY_SUPERVISOR | BY_RLIMIT) ||
	       is_held(LIMIT_FILES, BY_RLIMIT);
}

int limits_wait(void)
{
	uint64_t now = now_ms();
	uint64_t next = UINT64_MAX;

	if (!watch.started_ms)
		return -1;
	if (watch.ended_ms)
		next = watch.ended_ms + PATIENCE_MS;
	else if (is_sampled() || is_held(LIMIT_CPU, BY_CGROUP))
		next = watch.look_ms;
	if (!watch.ended_ms && is_held(LIMIT_TIME, BY_SUPERVISOR) &&
	    next > watch.started_ms + watch.limits[LIMIT_TIME].value)
		next = watch.started_ms + watch.limits[LIMIT_TIME].value;
	if (next == UINT64_MAX)
		return -1;
	if (next <= now)
		return 0;
	return next - now > INT_MAX ? INT_MAX : (int)(next - now);
}

static void report(enum plan_limit_kind limit, enum limit_effect effect, uint64_t seen, pid_t pid)
{
	if (watch.is_reported[limit] || watch.ended_ms)
		return;
	watch.is_reported[limit] = true;
	if (effect == EFFECT_ENDED)
		watch.ended_ms = now_ms();
	limits_report(limit, effect, watch.limits[limit].value, seen, pid);
}

static void judge_kernel_counts(void)
{
	struct cgroup_counts counts = cgroup_read(&watch.cgroup);

	if (is_held(LIMIT_MEMORY, BY_CGROUP) && counts.memory_kills)
		report(LIMIT_MEMORY, EFFECT_ENDED, watch.limits[LIMIT_MEMORY].value, 0);
	if (is_held(LIMIT_PROCESSES, BY_CGROUP) && counts.processes_refused)
		report(LIMIT_PROCESSES, EFFECT_REFUSED, watch.limits[LIMIT_PROCESSES].value, 0);
	if (is_held(LIMIT_CPU, BY_CGROUP) && counts.cpu_us / 1000 >= watch.limits[LIMIT_CPU].value)
		report(LIMIT_CPU, EFFECT_ENDED, counts.cpu_us / 1000, 0);
	if (relay_is_full())
		report(LIMIT_OUTPUT, EFFECT_ENDED, relay_seen(), 0);
}

static void judge_usage(const struct usage *usage)
{
	const struct plan_limit *limits = watch.limits;

	if (is_held(LIMIT_MEMORY, BY_SUPERVISOR) && usage->memory > limits[LIMIT_MEMORY].value)
		report(LIMIT_MEMORY, EFFECT_ENDED, usage->memory, usage->largest);
	if (is_held(LIMIT_PROCESSES, BY_SUPERVISOR) &&
	    usage->processes > limits[LIMIT_PROCESSES].value)
		report(LIMIT_PROCESSES, EFFECT_ENDED, usage->processes, usage->newest);
	if (is_held(LIMIT_PROCESSES, BY_RLIMIT) &&
	    usage->processes >= limits[LIMIT_PROCESSES].value)
		report(LIMIT_PROCESSES, EFFECT_REFUSED, usage->processes, usage->newest);
	if (is_held(LIMIT_CPU, BY_SUPERVISOR) && usage->cpu_ms >= limits[LIMIT_CPU].value)
		report(LIMIT_CPU, EFFECT_ENDED, usage->cpu_ms, usage->busiest);
	if (is_held(LIMIT_FILES, BY_RLIMIT) && usage->files >= limits[LIMIT_FILES].value)
		report(LIMIT_FILES, EFFECT_REFUSED, usage->files, usage->opener);
}

/* How long a box takes at least from `seen` to `limit`. */
static uint64_t at_least(uint64_t limit, uint64_t seen, uint64_t a_ms)
{
	return seen >= limit ? 0 : (limit - seen) / a_ms;
}

static uint64_t next_look(const struct usage *usage, uint64_t cpu_ms)
{
	const struct plan_limit *limits = watch.limits;
	uint64_t wait = LOOK_MAX_MS;
	uint64_t reach;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (is_held(LIMIT_MEMORY, BY_SUPERVISOR)) {
		reach = at_least(limits[LIMIT_MEMORY].value, usage->memory, BYTES_A_MS);
		wait = reach < wait ? reach : wait;
	}
	if (is_held(LIMIT_PROCESSES, BY_SUPERVISOR)) {
		reach = at_least(limits[LIMIT_PROCESSES].value, usage->processes, FORKS_A_MS);
		wait = reach < wait ? reach : wait;
	}
	if (watch.limits[LIMIT_CPU].means) {
		reach = at_least(limits[LIMIT_CPU].value, cpu_ms,
				 processors > 0 ? (uint64_t)processors : 1);
		wait = reach < wait ? reach : wait;
	}
	return wait < LOOK_MIN_MS ? LOOK_MIN_MS : wait;
}

static void look(void)
{
	uint64_t before = now_ms();
	struct usage usage = {0};
	struct usage_bounds bounds = {
		.memory =
			is_held(LIMIT_MEMORY, BY_SUPERVISOR) ? watch.limits[LIMIT_MEMORY].value : 0,
		.processes = watch.limits[LIMIT_PROCESSES].means
				     ? watch.limits[LIMIT_PROCESSES].value
				     : 0,
		.files = is_held(LIMIT_FILES, BY_RLIMIT) ? watch.limits[LIMIT_FILES].value : 0,
	};
	uint64_t cpu_ms = 0;
	uint64_t now;

	if (is_sampled())
		usage_read(watch.box, &bounds, &usage);
	judge_usage(&usage);
	cpu_ms = is_held(LIMIT_CPU, BY_CGROUP) ? cgroup_read(&watch.cgroup).cpu_us / 1000
					       : usage.cpu_ms;
	now = now_ms();
	/* A look that takes long may take a tenth of the time, no more. */
	watch.look_ms = now + next_look(&usage, cpu_ms) + (now - before) * 9;
}

bool limits_check(void)
{
	uint64_t now = now_ms();

	if (watch.ended_ms)
		return true;
	if (!watch.started_ms)
		return false;
	relay_pump();
	judge_kernel_counts();
	if (is_held(LIMIT_TIME, BY_SUPERVISOR) &&
	    now - watch.started_ms >= watch.limits[LIMIT_TIME].value)
		report(LIMIT_TIME, EFFECT_ENDED, now - watch.started_ms, 0);
	if (!watch.ended_ms && now >= watch.look_ms)
		look();
	return watch.ended_ms != 0;
}

bool limits_out_of_patience(void)
{
	return watch.ended_ms && now_ms() >= watch.ended_ms + PATIENCE_MS;
}

void limits_finish(void)
{
	relay_finish();
	if (watch.started_ms)
		judge_kernel_counts();
}
