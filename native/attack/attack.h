/*
 * What every technique offers: a name, how many arguments it takes at least, and a function that
 * answers 0 when it worked, the errno that stopped it, or ABSENT when this machine lacks what it
 * is about. A technique runs in a process of its own, so it may spoil that.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ABSENT (-1)
/* What a program says of itself by its exit status when it runs, see attack_is_proof(). */
#define PROOF 42

struct attack {
	const char *name;
	int arguments;
	int (*run)(char **a);
};

/* Each ends with an entry without a name. */
extern const struct attack attack_files[];
extern const struct attack attack_links[];
extern const struct attack attack_privileges[];
extern const struct attack attack_processes[];
extern const struct attack attack_execution[];
extern const struct attack attack_calls[];
extern const struct attack attack_network[];
extern const struct attack attack_proxy[];
extern const struct attack attack_races[];
extern const struct attack attack_races_of_calls[];
extern const struct attack attack_resources[];
extern const struct attack attack_set_id[];

/* One more line about what came of it, printed behind the verdict. */
__attribute__((format(printf, 1, 2))) void attack_note(const char *format, ...);

/* 0 or errno of a call's result. */
static inline int attack_errno(long result)
{
	return result < 0 ? errno : 0;
}

/* Closes `fd`. 0, or the errno of the call that gave it. */
int attack_opened(int fd);
/* 0 when `child` ended with status 0, its status when that is an errno, ECANCELED for a signal. */
int attack_wait(pid_t child);
/* Reads at least one byte from `fd` and closes it. */
int attack_read_fd(int fd);
/* 0 when this process has more rights than whoever started it, else EPERM. */
int attack_gained(void);
/* Writes one byte and closes. */
int attack_write_fd(int fd);
