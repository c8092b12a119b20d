/*
 * Limits of a box. The kernel holds what it can, by rlimits of the command and by the cgroup it is
 * born in; the rest is looked after by the supervisor, which sees the box from outside and is not
 * under the limits itself. Functions end the helper with a frame when a limit cannot be set up.
 */
#ifndef AE_LIMITS_H_
#define AE_LIMITS_H_

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../common/plan.h"

/* What became of a box that came to a limit. */
enum limit_effect {
	EFFECT_REFUSED = 1, /* a call failed, the box goes on */
	EFFECT_ENDED,	    /* the box was ended */
};

/* Tells aegis; usable from every process of the helper. `pid` 0: nobody in particular. */
void limits_report(enum plan_limit_kind limit, enum limit_effect effect, uint64_t value,
		   uint64_t seen, pid_t pid);

/* The command's part: rlimits, which its descendants inherit. */
void limits_apply(const struct plan *plan);
/* The broker's part: what the end of the command tells. */
void limits_judge_end(const struct plan *plan, int wait_status);

/* The supervisor's part. */

/* Opens the cgroup and makes the pipes of the relay; before the box is forked. */
void limits_open(const struct plan *plan);
/* In the broker, after the fork: its end of what limits_open made. */
void limits_enter_box(void);
/* In the supervisor, after the fork. */
void limits_watch(pid_t box);
/* The command runs from now on. */
void limits_start(void);
/* Descriptor that becomes readable when a limit was hit; -1: none. */
int limits_fd(void);
/* Milliseconds until limits_check has to be called; -1: whenever limits_fd is readable. */
int limits_wait(void);
/* True when the box has to end now; stays so. */
bool limits_check(void);
/* The broker has not ended the box in time. */
bool limits_out_of_patience(void);
/* After the box is gone: what the kernel counted last, and the rest of its output. */
void limits_finish(void);

/* In the broker: as fork, with the child in the box's cgroup if there is one. */
pid_t limits_fork(void);

#endif
