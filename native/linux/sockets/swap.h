/* Puts another socket in the place of a caller's, so that the caller does not notice. */
#ifndef AE_SWAP_H
#define AE_SWAP_H

#include "../judge/caller.h"

/*
 * `fresh` takes the place of `old`, the caller's socket `number`, with its options and flags, under
 * every number it has in the caller's process and in every epoll set it was added to. Closes `old`,
 * whose end is what takes it out of those sets; `fresh` stays the caller's of this function.
 * 0 or -errno; the caller must be waiting, and is not answered.
 */
int swap_socket(const struct caller *caller, int number, int old, int fresh);

#endif
