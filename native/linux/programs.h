/* Numbers for executables, so that access frames stay small. Thread safe. */
#ifndef AE_PROGRAMS_H
#define AE_PROGRAMS_H

#include <stdint.h>
#include <sys/types.h>

/* The number of the program `tid` runs; emits a `program` frame when it is a new one. 0: it cannot
 * be told. */
uint32_t programs_of(pid_t tid);
/* Some thread is about to execute another program. */
void programs_forget(void);

#endif
