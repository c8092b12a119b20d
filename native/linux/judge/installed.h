/* Where programs are installed. */
#ifndef AE_INSTALLED_H
#define AE_INSTALLED_H

#include <stdbool.h>

#include "../../common/plan.h"

bool installed_holds(const char *path);
/* The same, and neither the command works there nor its user lives there. */
bool installed_is_system(const struct plan *plan, const char *path);

#endif
