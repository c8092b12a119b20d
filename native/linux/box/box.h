/* The broker: pid 1 of the box, or its child subreaper. */
#ifndef AE_BOX_H
#define AE_BOX_H

#include "supervisor.h"

_Noreturn void box_run(const struct plan *plan, const struct box_links *links);

#endif
