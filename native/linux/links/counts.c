/*
 * Names are counted in the folders that permits to write are about. A folder that can be reached on
 * two ways counts once, and a file mounted on a name is not a name. A file system that may not
 * answer is left out until somebody asks about a file that lies there. What somebody outside does
 * meanwhile is noticed at the next count; the names the box makes are known without one.
 */
#include "counts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../uapi.h"
#include "foreign.h"
#include "roots.h"
#include "scan.h"
#include "tree.h"

enum {
	ENTRIES_MAX = 500000,
	TIME_MS = 3000,
	SLOTS = 1 << 18,
	FILES_MAX = SLOTS / 4 * 3,
	/* How long a count is believed, and how soon there may be another; both are longer where
	 * counting takes long. */
	BELIEF_MS = 10000,
	PAUSE_MS = 1000,
	PAUSE_FACTOR = 20,
};

/* Empty while `names` is 0. */
struct counted {
	dev_t device;
	ino_t inode;
	nlink_t names;
	/* Made by the box: does not grow old. The time of birth tells it from a later file. */
	bool is_own;
	uint64_t birth;
};

struct folder {
	dev_t device;
	ino_t inode;
};

static struct {
	const struct plan *plan;
	const struct judge *judge;
	struct counted *files;
	size_t count;
	/* Only while counting: folders that were visited. */
	struct folder *folders;
	size_t folder_count;
	bool is_counted;
	uint64_t counted_ms;
	uint64_t took_ms;
} counts;

static size_t slot_number(dev_t device, ino_t inode)
{
	return (((uint64_t)inode ^ (uint64_t)device << 40) * 0x9e3779b97f4a7c15u) >> 46;
}

/* The slot of a file, or the empty one where it belongs. There always is an empty one. */
static struct counted *slot_of(dev_t device, ino_t inode)
{
	for (size_t i = slot_number(device, inode);; i = (i + 1) % SLOTS) {
		struct counted *slot = &counts.files[i];

		if (slot->names == 0 || (slot->inode == inode && slot->device == device))
			return slot;
	}
}

/* Into an empty slot. */
static void put(struct counted *slot, const struct counted *counted)
{
	if (counts.count == FILES_MAX)
		return;
	counts.count++;
	*slot = *counted;
}

static bool is_mounted_on(const struct tree_entry *entry)
{
	struct ae_statx status;

	return syscall(SYS_statx, entry->directory, entry->name,
		       AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &status) < 0 ||
	       !(status.attributes_mask & AE_STATX_ATTR_MOUNT_ROOT) ||
	       (status.attributes & AE_STATX_ATTR_MOUNT_ROOT);
}

static void count_name(void *unused, const struct tree_entry *entry)
{
	struct stat status;
	struct counted *slot;

	(void)unused;
	if (!tree_look(entry, &status) || status.st_nlink < 2 ||
	    !judge_path(counts.judge, ACTION_FILE_WRITE, entry->path, entry->size).allowed ||
	    scan_forbidding(counts.judge, ACTION_FILE_READ, entry->path, entry->size) !=
		    JUDGE_NO_RULE)
		return;
	if ((!entry->is_sure || status.st_ino != entry->inode) && is_mounted_on(entry))
		return;
	slot = slot_of(status.st_dev, status.st_ino);
	if (slot->names == 0)
		put(slot, &(struct counted){status.st_dev, status.st_ino, 1, false, 0});
	else if (!slot->is_own)
		slot->names++;
}

static bool is_new_folder(void *unused, dev_t device, ino_t inode)
{
	(void)unused;
	if (counts.folder_count == FILES_MAX)
		return false;
	for (size_t i = slot_number(device, inode);; i = (i + 1) % SLOTS) {
		struct folder *slot = &counts.folders[i];

		if (slot->inode == inode && slot->device == device)
			return false;
		if (slot->inode == 0) {
			*slot = (struct folder){device, inode};
			counts.folder_count++;
			return true;
		}
	}
}

/* Keeps what the box made itself. False without memory: then nothing is known. */
static bool start_over(void)
{
	struct counted *before = counts.files;
	struct counted *files = calloc(SLOTS, sizeof(*files));

	if (!files)
		return false;
	counts.files = files;
	counts.count = 0;
	for (size_t i = 0; before && i < SLOTS; i++) {
		if (before[i].names && before[i].is_own)
			put(slot_of(before[i].device, before[i].inode), &before[i]);
	}
	free(before);
	return true;
}

/* What the box did not make is not known any more. */
static void forget(void)
{
	for (size_t i = 0; counts.files && i < SLOTS; i++) {
		/* The slot stays taken, so that others are found behind it. */
		if (!counts.files[i].is_own && counts.files[i].names)
			counts.files[i].names = 1;
	}
}

static void count_names(uint64_t (*generation)(void))
{
	const struct tree_visitor visitor = {
		.file = count_name, .folder = is_new_folder, .leaves_out = foreign_begins_at};
	struct tree_bounds bounds = {.entries = ENTRIES_MAX};
	uint64_t before = generation();
	uint64_t began = tree_now_ms();
	struct roots roots;

	counts.folders = calloc(SLOTS, sizeof(*counts.folders));
	counts.folder_count = 0;
	if (!counts.folders || !start_over()) {
		free(counts.folders);
		return;
	}
	bounds.end_ms = began + TIME_MS;
	roots_collect(counts.plan, true, 1u << ACTION_FILE_WRITE, &roots);
	foreign_read();
	for (size_t i = 0; i < roots.count; i++) {
		if (!foreign_holds(roots.paths[i]))
			(void)tree_walk(roots.paths[i], &bounds, &visitor);
	}
	roots_free(&roots);
	free(counts.folders);
	if (before % 2 || generation() != before)
		forget();
	counts.is_counted = true;
	counts.counted_ms = tree_now_ms();
	counts.took_ms = counts.counted_ms - began;
}

uint64_t counts_birth(int fd, const char *name)
{
	struct ae_statx status;

	if (syscall(SYS_statx, fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, AE_STATX_BTIME,
		    &status) < 0 ||
	    !(status.mask & AE_STATX_BTIME))
		return 0;
	return (uint64_t)status.birth_seconds * 1000000000u + status.birth_nanoseconds;
}

static uint64_t at_least(uint64_t time, uint64_t least)
{
	return time < least ? least : time;
}

bool counts_know(const struct target *target)
{
	const struct counted *counted;

	if (!counts.files)
		return false;
	counted = slot_of(target->device, target->inode);
	if (counted->names < target->links)
		return false;
	if (counted->is_own)
		return counted->birth == counts_birth(target->fd, "");
	return tree_now_ms() - counts.counted_ms <=
	       at_least(counts.took_ms * PAUSE_FACTOR, BELIEF_MS);
}

void counts_start(const struct plan *plan, const struct judge *judge)
{
	counts.plan = plan;
	counts.judge = judge;
}

bool counts_cover(const struct target *target, uint64_t (*generation)(void))
{
	/* Who is asked about a file there has been answered by its server. */
	bool is_new_place = foreign_trust(target->device);

	if (counts_know(target))
		return true;
	if (counts.is_counted && !is_new_place &&
	    tree_now_ms() - counts.counted_ms < at_least(counts.took_ms * PAUSE_FACTOR, PAUSE_MS))
		return false;
	count_names(generation);
	return counts_know(target);
}

void counts_add(const struct target *target)
{
	bool is_known = target->links == 1 || counts_know(target);
	uint64_t birth = counts_birth(target->fd, "");
	struct counted *slot;

	if (!is_known || !birth || !S_ISREG(target->mode) || (!counts.files && !start_over()))
		return;
	slot = slot_of(target->device, target->inode);
	if (slot->names == 0)
		put(slot, &(struct counted){target->device, target->inode, 1, true, birth});
	if (slot->names == 0)
		return;
	slot->is_own = true;
	slot->birth = birth;
	slot->names = target->links + 1;
}

bool counts_drop(dev_t device, ino_t inode)
{
	struct counted *slot = counts.files ? slot_of(device, inode) : NULL;

	if (!slot || slot->names < 2)
		return false;
	slot->names--;
	return true;
}

void counts_restore(dev_t device, ino_t inode)
{
	struct counted *slot = counts.files ? slot_of(device, inode) : NULL;

	if (slot && slot->names > 0)
		slot->names++;
}
