/* See race.h. */
#include "race.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct race race;

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

bool race_goes_on(void)
{
	struct timespec now;

	if (race.won)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (is_before(&now, &race.end))
		return true;
	return !(race.passed && race.refused) && is_before(&now, &race.last);
}

void race_begin(char **a)
{
	const char *more = strchr(a[0], '+');

	clock_gettime(CLOCK_MONOTONIC, &race.end);
	race.end.tv_sec += atoi(a[0]);
	race.last = race.end;
	race.last.tv_sec += more ? atoi(more + 1) : 0;
	race.a = a + 1;
	race.argument =
		mmap(NULL, PATH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(race.first, PATH_SIZE, "%s", a[1]);
	snprintf(race.second, PATH_SIZE, "%s", a[2]);
	memcpy(race.argument, race.first, PATH_SIZE);
}

int race_verdict(void)
{
	race.over = true;
	attack_note("tries %lu let-through %lu refused %lu won %lu", race.tries, race.passed,
		    race.refused, race.won);
	if (race.won)
		return 0;
	return race.passed && race.refused ? EACCES : ABSENT;
}

void race_count(int error)
{
	race.tries++;
	race.passed += error == 0;
	race.refused += error == EACCES || error == EPERM || error == EROFS || error == EXDEV;
}

/* Counts a descriptor, and whether it is the secret's. */
void race_count_fd(int fd)
{
	char bytes[6] = "";

	race_count(fd < 0 ? errno : 0);
	if (fd < 0)
		return;
	race.won += read(fd, bytes, sizeof(bytes)) == 6 && !memcmp(bytes, "SECRET", 6);
	close(fd);
}

void *race_swap_argument(void *unused)
{
	size_t first = strlen(race.first) + 1;
	size_t second = strlen(race.second) + 1;

	(void)unused;
	while (!race.over) {
		memcpy(race.argument, race.second, second);
		atomic_signal_fence(memory_order_seq_cst);
		memcpy(race.argument, race.first, first);
		atomic_signal_fence(memory_order_seq_cst);
	}
	return NULL;
}

int race_hammer(void *(*swap)(void *), void (*ask)(void))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, swap, NULL) != 0)
		return ABSENT;
	while (race_goes_on())
		ask();
	race.over = true;
	pthread_join(thread, NULL);
	return race_verdict();
}

bool race_is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}
