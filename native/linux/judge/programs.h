/* Numbers for executables, so that access frames stay small. Thread safe. */
#ifndef AE_PROGRAMS_H
#define AE_PROGRAMS_H

#include <stdint.h>
#include <sys/types.h>

/* The number of the program `tid` runs; emits a `program` frame when it is a new one. 0: it cannot
 * be told. */
uint32_t programs_of(pid_t tid);
/* Its path, for good; empty for 0. */
const char *programs_name(uint32_t id);
/* Some thread is about to execute another program. */
void programs_forget(void);

#endif
