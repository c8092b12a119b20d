/* The standard streams the command inherits. */
#ifndef AE_STREAMS_H
#define AE_STREAMS_H

/*
 * In the box, before it is confined: a folder that is open there becomes the one the box has by
 * that name, and /dev/null where it has none. 0 or -errno.
 */
int streams_enter(void);

#endif
