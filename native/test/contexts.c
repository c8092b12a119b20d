/*
 * Makes files in the current directory while threads change their umasks and current directories:
 *
 *   contexts threads SHELL   `first` under 022; `shared` after another thread set 027 and went to
 *                            `second`; `parted` in a thread that has its own umask, 077, and went
 *                            to `third`; `kept` in the first thread again; `executed` by SHELL,
 *                            which that thread becomes
 *   contexts umask ROUNDS    all the time while another thread changes the umask; prints how many
 *                            files made after a change had not the new one
 *   contexts folder ROUNDS   the same with current directories, `even` and `odd`
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
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

static void *change_both(void *folder)
{
	umask(027);
	if (chdir(folder) < 0)
		abort();
	return NULL;
}

static void *part(void *shell)
{
	unshare(CLONE_FS);
	umask(077);
	if (chdir("../third") < 0)
		abort();
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
	mkdir("second", 0777);
	mkdir("third", 0777);
	make("first");
	pthread_create(&thread, NULL, change_both, "second");
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

static void change_umask(int round)
{
	umask(mask_of(round));
}

static bool has_umask(int round)
{
	struct stat status;

	return stat("made", &status) == 0 && (status.st_mode & 0777) == (0666 & ~mask_of(round));
}

static void unmake(void)
{
	unlink("made");
}

/* `even` and `odd`, where nobody goes any more. */
static int folders[2];

static void open_folders(void)
{
	static const char *const names[2] = {"even", "odd"};

	for (int i = 0; i < 2; i++) {
		mkdir(names[i], 0777);
		folders[i] = open(names[i], O_RDONLY | O_DIRECTORY);
	}
}

static void change_folder(int round)
{
	int result = round % 4 < 2 ? fchdir(folders[round % 2])
				   : chdir(round % 2 ? "../odd" : "../even");

	if (result < 0)
		abort();
}

static bool is_in_folder(int round)
{
	return faccessat(folders[round % 2], "made", F_OK, 0) == 0;
}

static void unmake_in_folders(void)
{
	unlinkat(folders[0], "made", 0);
	unlinkat(folders[1], "made", 0);
}

/* What changes, how a file shows it, and how that is taken away. */
struct race {
	void (*change)(int round);
	bool (*shows)(int round);
	void (*unmake)(void);
	int rounds;
};

static void *change_all(void *argument)
{
	const struct race *race = argument;

	for (int round = 1; round <= race->rounds; round++) {
		race->change(round);
		set = round;
		while (set == round)
			sched_yield();
	}
	return NULL;
}

static int in_race(struct race race)
{
	pthread_t thread;
	int wrong = 0;

	pthread_create(&thread, NULL, change_all, &race);
	for (int round = 1; round <= race.rounds; round++) {
		int before;

		do {
			before = set;
			race.unmake();
			make("made");
		} while (before != round);
		wrong += !race.shows(round);
		set = 0;
	}
	pthread_join(thread, NULL);
	printf("%d wrong\n", wrong);
	return 0;
}

int main(int count, char **arguments)
{
	const char *what = count == 3 ? arguments[1] : "";
	int rounds = count == 3 ? (int)strtol(arguments[2], NULL, 10) : 0;

	if (!strcmp(what, "threads"))
		return in_threads(arguments[2]);
	if (!strcmp(what, "umask"))
		return in_race((struct race){change_umask, has_umask, unmake, rounds});
	if (!strcmp(what, "folder")) {
		open_folders();
		return in_race(
			(struct race){change_folder, is_in_folder, unmake_in_folders, rounds});
	}
	fprintf(stderr, "contexts: cannot do that\n");
	return 2;
}
