/* The one way to give up: a `failed` frame that names the step, then exit. */
#ifndef AE_DIE_H
#define AE_DIE_H

/* Where the frame goes; -1 means standard error. */
void die_init(int fd);
/* Reports only. `error` is a positive errno, 0 when there is none. */
void die_report(const char *step, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Reports and ends the process with AE_EXIT_FAILED. */
_Noreturn void die(const char *step, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
