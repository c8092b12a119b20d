/* Takes everything from the outside service that it does not need. */
#ifndef AE_OUTSIDE_CONFINE_H
#define AE_OUTSIDE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * TCP leads only to `port` from then on, where the kernel can hold that, and no port can be taken
 * unless it serves. 0 or -errno.
 */
int outside_confine(uint16_t port, bool serves);

#endif
