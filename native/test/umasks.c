/*
 * Makes files in the current directory while threads change their umasks:
 *
 *   umasks threads SHELL   `first` under 022; `shared` after another thread set 027; `parted` in a
 *                          thread that has its own umask, 077; `kept` in the first thread again;
 *                          `executed` by SHELL, which that thread becomes
 *   umasks race ROUNDS     all the time while another thread changes the umask; prints how many
 *                          files made after a change had not the new one
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_barrier_t barrier;
/* The round whose umask is set; 0 when its file was looked at. */
static atomic_int set;

static void make(const char *name)
{
	close(open(name, O_WRONLY | O_CREAT | O_EXCL, 0666));
}

static void *change_umask(void *mask)
{
	umask((mode_t)(intptr_t)mask);
	return NULL;
}

static void *part(void *shell)
{
	unshare(CLONE_FS);
	umask(077);
	make("parted");
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	execl(shell, "sh", "-c", ": >executed", NULL);
	return NULL;
}

static int in_threads(char *shell)
{
	pthread_t thread;

	umask(022);
	make("first");
	pthread_create(&thread, NULL, change_umask, (void *)027);
	pthread_join(thread, NULL);
	make("shared");
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, part, shell);
	pthread_barrier_wait(&barrier);
	make("kept");
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	/* It has become the shell, or could not. */
	return 2;
}

static mode_t mask_of(int round)
{
	return round % 2 ? 077 : 022;
}

static void *change_umasks(void *rounds)
{
	for (int round = 1; round <= (int)(intptr_t)rounds; round++) {
		umask(mask_of(round));
		set = round;
		while (set == round)
			sched_yield();
	}
	return NULL;
}

static int in_race(int rounds)
{
	pthread_t thread;
	struct stat status;
	int wrong = 0;

	pthread_create(&thread, NULL, change_umasks, (void *)(intptr_t)rounds);
	for (int round = 1; round <= rounds; round++) {
		int before;

		do {
			before = set;
			unlink("made");
			make("made");
		} while (before != round);
		stat("made", &status);
		wrong += (status.st_mode & 0777) != (0666 & ~mask_of(round));
		set = 0;
	}
	pthread_join(thread, NULL);
	printf("%d wrong\n", wrong);
	return 0;
}

int main(int count, char **arguments)
{
	if (count == 3 && !strcmp(arguments[1], "threads"))
		return in_threads(arguments[2]);
	if (count == 3 && !strcmp(arguments[1], "race"))
		return in_race((int)strtol(arguments[2], NULL, 10));
	fprintf(stderr, "umasks: cannot do that\n");
	return 2;
}
