/*
 * What goes along with a message: a row of parts, each with a size of its own, as a caller wrote
 * it. Nothing here touches a descriptor, so that it can be tested by itself.
 */
#ifndef AE_CONTROL_H
#define AE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

/* SCM_MAX_FD of Linux. */
enum { CONTROL_FDS_MAX = 253 };

/* Gives a number for one of the caller's descriptors. 0, or the answer to give. */
typedef int control_take(void *context, int *number);

/*
 * Goes through all parts: 0, or the answer to give. Every descriptor among them is given to `take`,
 * NULL: there may be none; whatever else is of the sockets themselves, or leads a message another
 * way than to the address that was judged, is EPERM. Where all is well *size becomes where the last
 * part ends.
 */
int control_check(unsigned char *control, size_t *size, control_take *take, void *context);
/* Puts a part behind those that were checked; false when `room` does not hold it. */
bool control_add(unsigned char *control, size_t *size, size_t room, int level, int type,
		 const void *data, size_t data_size);

#endif
