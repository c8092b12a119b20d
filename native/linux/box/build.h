/* What the broker builds around itself. */
#ifndef AE_BUILD_H
#define AE_BUILD_H

#include "../judge/request.h"
#include "supervisor.h"

bool build_has_pid_namespace(const struct plan *plan);
/*
 * Fills in the judges of `rules`. Returns the ruleset of the command's own Landlock layer, -1 for
 * none.
 */
int build_box(const struct plan *plan, const struct box_links *links, struct box_rules *rules);

#endif
