/*
 * The command's standard output and error through the supervisor, which counts them. Only made
 * where a limit on output was asked for; no standard stream may be a terminal then.
 */
#ifndef AE_RELAY_H
#define AE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

/* 0 or -errno; -ENOTTY for a terminal. `events` is the epoll descriptor that tells when
 * relay_pump has something to do. */
int relay_open(uint64_t most, int events);
/* In the broker: the command's streams become the relay's. */
void relay_enter_box(void);
/* In the supervisor, after the fork. */
void relay_start(void);
/* Passes on what can be passed on without waiting. */
void relay_pump(void);
/* More was written than the limit allows. */
bool relay_is_full(void);
/* Bytes the command has written, as far as they were read. */
uint64_t relay_seen(void);
/* After the box is gone: passes on the rest, waiting for whoever reads it. */
void relay_finish(void);

#endif
