/*
 * The three processes of a box: the supervisor outside, the broker inside, the command. What they
 * tell each other goes over socket pairs; the messages are below.
 */
#ifndef AE_SUPERVISOR_H
#define AE_SUPERVISOR_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../common/plan.h"

/*
 * The gate is optional: where it is open, the command waits for a byte from it. The last one is
 * there where the plan asks.
 */
enum { PLAN_FD = 3, FRAMES_FD = 4, GATE_FD = 5, ASK_FD = 6 };

/* Between supervisor and broker. */
enum control_kind {
	CONTROL_SIGNAL = 1, /* supervisor: send signal `value` to the command */
	CONTROL_STOPPED,    /* broker: the command was stopped by signal `value` */
	CONTROL_CONTINUED,  /* broker: the command runs again */
	CONTROL_END,	    /* supervisor: end the box, it has come to a limit */
};

struct control {
	uint32_t kind;
	int32_t value;
};

/* What the broker gets from the supervisor. */
struct box_links {
	/* Control messages, both ways. */
	int control;
	/* The command's own link to the supervisor: it says when it is ready and is told to go. */
	int start;
	/* To the outside service; -1 when connections do not go by name. */
	int outside;
	/* To the lender; -1 when nobody is asked. */
	int lender;
	/*
	 * The box only watches, and keeps the powers of who started it: taking them would be
	 * confining. Not even no_new_privs is set then.
	 */
	bool keeps_privileges;
	/* Signal mask the helper was started with. */
	sigset_t mask;
};

/* The whole life of a box; the exit status of the helper. */
int supervisor_run(void);

#endif
