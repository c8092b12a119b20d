/*
 * The process waits until the broker asks, looks once through every place a forbid rule names, and
 * ends. What it finds is in memory it shares with the broker. Directories already tell which file a
 * name stands for, so most files are never looked at: which of them have several names is for the
 * broker to know, who asks about those alone.
 *
 * It is the supervisor's child and stays outside: it sees what the box's mounts hide, the box
 * cannot reach it, and the end of a box, which is for the broker to bring about, does not wait for
 * it.
 */
#include "scan.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../common/fd.h"
#include "../../common/limits.h"
#include "../confine/mountinfo.h"
#include "../confine/namespaces.h"
#include "../confine/overlay.h"
#include "../uapi.h"
#include "links.h"
#include "roots.h"
#include "tree.h"

enum {
	ENTRIES_MAX = 5000000,
	TIME_MS = 20000,
	/* Longer than that the broker does not wait: somebody has stopped the process. */
	PATIENCE_MS = TIME_MS + 5000,
	/* One on a file system that does not answer ends when the kernel lets it, after that time
	 * without us. */
	END_MS = 100,
	SLOTS = 1 << 20,
	FILES_MAX = SLOTS / 4 * 3,
	/* From here on only files that do have several names are kept. */
	UNSEEN_MAX = SLOTS / 2,
};

/* Empty while both rules are 0. */
struct forbidden {
	uint64_t device;
	uint64_t inode;
	/* Number of the rule and one; 0 for none. */
	atomic_uint rules[2];
};

/* Its pages exist as far as they are used. */
struct found {
	/* Set at the very end: one who is killed has not seen everything. */
	bool is_whole;
	bool is_full;
	uint32_t count;
	struct forbidden files[SLOTS];
};

static struct {
	/* Of the process that looks. */
	const struct judge *judge;
	/* A file has another device in the box than it has out here. */
	bool has_overlay;
	struct found *found;
	/* To the process that looks, -1 for none: its end closes with it. */
	int link;
	bool was_asked;
	/* The broker has not got tired of waiting. */
	bool is_over;
	atomic_bool is_stopped;
} scan = {.link = -1, .is_over = true};

uint32_t scan_forbidding(const struct judge *judge, enum action action, const char *path,
			 size_t size)
{
	struct verdict verdict = judge_path(judge, action, path, size);

	return verdict.allowed ? JUDGE_NO_RULE : verdict.rule;
}

/* The slot of a file, or the empty one where it belongs. There always is an empty one. */
static struct forbidden *slot_of(dev_t seen, ino_t inode)
{
	dev_t device = scan.has_overlay ? 0 : seen;
	uint64_t hash = ((uint64_t)inode ^ (uint64_t)device << 40) * 0x9e3779b97f4a7c15u;

	for (size_t i = hash >> 44;; i = (i + 1) % SLOTS) {
		struct forbidden *slot = &scan.found->files[i];

		if ((slot->rules[0] == 0 && slot->rules[1] == 0) ||
		    (slot->inode == inode && slot->device == device))
			return slot;
	}
}

static void keep(dev_t device, ino_t inode, const uint32_t rules[2])
{
	struct forbidden *slot = slot_of(device, inode);

	if (slot->rules[0] == 0 && slot->rules[1] == 0) {
		if (scan.found->count == FILES_MAX) {
			scan.found->is_full = true;
			return;
		}
		scan.found->count++;
		slot->device = scan.has_overlay ? 0 : device;
		slot->inode = inode;
	}
	for (size_t i = 0; i < 2; i++) {
		if (slot->rules[i] == 0)
			slot->rules[i] = rules[i] + 1;
	}
}

/* JUDGE_NO_RULE and one is 0. */
_Static_assert(JUDGE_NO_RULE == UINT32_MAX, "no rule is kept as 0");

static void note_file(void *unused, const struct tree_entry *entry)
{
	uint32_t rules[2] = {
		scan_forbidding(scan.judge, ACTION_FILE_READ, entry->path, entry->size),
		scan_forbidding(scan.judge, ACTION_FILE_WRITE, entry->path, entry->size),
	};
	struct stat status;

	(void)unused;
	if (rules[0] == JUDGE_NO_RULE && rules[1] == JUDGE_NO_RULE)
		return;
	if (entry->is_sure && scan.found->count < UNSEEN_MAX)
		keep(entry->device, entry->inode, rules);
	else if (tree_look(entry, &status) && status.st_nlink > 1)
		keep(status.st_dev, status.st_ino, rules);
}

/* A directory does not tell of a file that something is mounted on. */
static void note_mounted(void *unused, const struct mountinfo *mount)
{
	const struct tree_entry entry = {.path = mount->path,
					 .size = strlen(mount->path),
					 .directory = -1,
					 .name = mount->path};

	(void)unused;
	note_file(NULL, &entry);
}

/* Nothing of the supervisor's stays open but the link; signals of the terminal mean the command. */
static bool withdraw(int link, pid_t supervisor)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if ((link > 0 && uapi_close_range(0, (unsigned int)link - 1) < 0) ||
	    uapi_close_range((unsigned int)link + 1, UINT_MAX) < 0)
		return false;
	return namespaces_drop_capabilities() == 0 &&
	       prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == supervisor;
}

/* The process that looks. */
static _Noreturn void look(const struct plan *plan, pid_t supervisor, int link)
{
	const struct tree_visitor visitor = {.file = note_file};
	struct tree_bounds bounds = {.entries = ENTRIES_MAX};
	struct roots roots;
	bool is_whole;
	char asked;

	if (!withdraw(link, supervisor))
		_exit(1);
	if (fd_read(link, &asked, 1) != 1)
		_exit(0);
	scan.judge = judge_build(plan->rules, plan->rule_count);
	if (!scan.judge)
		_exit(1);
	roots_collect(plan, false, 1u << ACTION_FILE_READ | 1u << ACTION_FILE_WRITE, &roots);
	is_whole = roots.is_whole;
	bounds.end_ms = tree_now_ms() + TIME_MS;
	for (size_t i = 0; i < roots.count; i++)
		is_whole = tree_walk(roots.paths[i], &bounds, &visitor) && is_whole;
	is_whole = mountinfo_each(note_mounted, NULL) && is_whole;
	scan.found->is_whole = is_whole && !scan.found->is_full;
	_exit(0);
}

/*
 * A child without a signal for its end is none that somebody waits for who waits for all. Until it
 * has closed itself to all, nobody of its user may look into it.
 */
static pid_t fork_apart(void)
{
	int before = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	pid_t child;

	if (before < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -1;
	child = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (child == 0 || before != 1)
		return child;
	return prctl(PR_SET_DUMPABLE, before, 0, 0, 0) < 0 ? -1 : child;
}

int scan_start(const struct plan *plan, pid_t *scanner)
{
	pid_t supervisor = getpid();
	int pair[2];

	*scanner = 0;
	if (!links_needs_look(plan))
		return 0;
	scan.has_overlay = overlay_is_used(plan);
	scan.found = mmap(NULL, sizeof(*scan.found), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (scan.found == MAP_FAILED)
		return -ENOMEM;
	scan.found->is_whole = !roots_forbid(plan);
	if (scan.found->is_whole)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*scanner = fork_apart();
	if (*scanner == 0)
		look(plan, supervisor, pair[1]);
	close(pair[1]);
	scan.link = pair[0];
	return *scanner < 0 ? -errno : 0;
}

void scan_leave(void)
{
	fd_close_at(&scan.link);
}

void scan_end(pid_t scanner)
{
	struct pollfd wait = {.events = POLLIN};

	if (scanner <= 0)
		return;
	kill(scanner, SIGKILL);
	wait.fd = uapi_pidfd_open(scanner, 0);
	(void)poll(&wait, 1, END_MS);
	fd_close_at(&wait.fd);
	waitpid(scanner, NULL, __WALL | WNOHANG);
}

void scan_stop(void)
{
	scan.is_stopped = true;
	/* ignored: there is nobody who looks, or not any more */
	if (scan.link >= 0)
		(void)shutdown(scan.link, SHUT_RDWR);
}

bool scan_is_ahead(void)
{
	return scan.link >= 0 && !scan.was_asked;
}

/* True when the process has ended by itself; of one that has not, what it found counts as well. */
static bool wait_for_look(void)
{
	struct pollfd wait = {.fd = scan.link, .events = POLLIN};
	uint64_t end = tree_now_ms() + PATIENCE_MS;
	int ready = 0;

	/* ignored: if it is gone, that is seen at once */
	(void)send(scan.link, "", 1, MSG_NOSIGNAL);
	for (uint64_t now = tree_now_ms(); ready <= 0 && now < end; now = tree_now_ms())
		ready = poll(&wait, 1, (int)(end - now));
	scan.was_asked = true;
	return ready > 0 && !scan.is_stopped;
}

struct scanned scan_find(dev_t device, ino_t inode)
{
	const struct forbidden *slot;
	struct scanned scanned = {{JUDGE_NO_RULE, JUDGE_NO_RULE}, true, true};

	if (!scan.found)
		return scanned;
	if (scan_is_ahead())
		scan.is_over = wait_for_look();
	slot = slot_of(device, inode);
	scanned.is_over = scan.is_over;
	scanned.is_whole = scan.is_over && scan.found->is_whole;
	for (size_t i = 0; i < 2; i++)
		scanned.rules[i] = slot->rules[i] - 1;
	return scanned;
}
