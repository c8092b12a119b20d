/* The process that becomes the command. */
#ifndef AE_COMMAND_H
#define AE_COMMAND_H

#include "supervisor.h"

struct command_setup {
	/* Ruleset of the command's own layer, -1 for none. */
	int ruleset;
	/* To the broker: the command sends its listener's number (-1: none), gets one byte, and
	 * sends errno if exec fails. */
	int broker;
	const struct box_links *links;
};

_Noreturn void command_run(const struct plan *plan, const struct command_setup *setup);

#endif
