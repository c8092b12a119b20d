/* Executes a program whose arguments and variables need not be text. */
#ifndef AE_START_H
#define AE_START_H

/*
 * Reads what to execute from descriptor 3 and becomes that program. Returns only when it cannot:
 * the exit status, after a line on standard error.
 */
int start_run(void);

#endif
