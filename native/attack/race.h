/*
 * What races share. One thread asks while another changes the argument, the descriptor, the working
 * folder or the name. Won when the forbidden object was had even once; on only while some tries
 * were let through and some were refused. Every race takes the seconds it lasts first; with +MORE
 * behind them it goes on that much longer while it is none, as on a machine that lets it try
 * little. A secret is a file that begins with SECRET.
 */
#pragma once

#include "attack.h"

#include <stdatomic.h>
#include <time.h>

enum { PATH_SIZE = 512 };

struct race {
	atomic_bool over;
	int kind;
	char **a;
	/* The argument under the asker's hands, and the two things it is in turn. */
	char *argument;
	char first[PATH_SIZE], second[PATH_SIZE];
	int fds[2], target;
	unsigned long tries, passed, refused, won;
	/* The second one while there was no race yet. */
	struct timespec end, last;
};

/* A process is one race. */
extern struct race race;

void race_begin(char **a);
bool race_goes_on(void);
/* Counts a try by its errno, or by the descriptor it gave and whether that is the secret's. */
void race_count(int error);
void race_count_fd(int fd);
void *race_swap_argument(void *unused);
bool race_is_there(const char *path);
/* Asks until the time is over or the race won, while another thread swaps. */
int race_hammer(void *(*swap)(void *), void (*ask)(void));
int race_verdict(void);
