/* What the supervisor is started with: the plan, and descriptors by their numbers. */
#ifndef AE_INHERIT_H
#define AE_INHERIT_H

#include <stdbool.h>

#include "../../common/plan.h"

struct inherited {
	/* Held open until aegis lets the command go; -1: nothing holds it back. */
	int gate;
	/* As in struct box_links. */
	bool keeps_privileges;
};

/*
 * Reads the plan, ties the process to aegis and gives up new privileges. Ends the helper with a
 * frame when something is missing.
 */
void inherit(struct plan *plan, struct inherited *inherited);

#endif
