/* Moves what one socket receives into another, inside the kernel, for the gateway. */
#ifndef AE_PUMP_H
#define AE_PUMP_H

/*
 * From standard input to standard output, until the first ends, one of them fails, or SIGTERM. What
 * became of it is told on standard error. The exit status.
 */
int pump_run(void);

#endif
