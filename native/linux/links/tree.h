/* Looks through a directory tree without following links. */
#ifndef AE_TREE_H
#define AE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* A regular file as its directory lists it, or what may be one where a directory does not say. */
struct tree_entry {
	/* `size` bytes and a terminator. */
	const char *path;
	size_t size;
	dev_t device;
	ino_t inode;
	/* The listing's numbers are the file's own, but where something is mounted on it. */
	bool is_sure;
	/* Where to look at it. */
	int directory;
	const char *name;
};

struct tree_visitor {
	void (*file)(void *context, const struct tree_entry *entry);
	/* Whether to go into a folder; NULL: into all. */
	bool (*folder)(void *context, dev_t device, ino_t inode);
	/* Whether to leave out the folder of that path, without touching it; NULL: none is. */
	bool (*leaves_out)(const char *path);
	void *context;
};

/* What a look may cost; the entries are counted down. `end_ms` is compared with tree_now_ms. */
struct tree_bounds {
	size_t entries;
	uint64_t end_ms;
};

uint64_t tree_now_ms(void);
/* What stat says of an entry. False when it is gone or no regular file. */
bool tree_look(const struct tree_entry *entry, struct stat *status);
/*
 * Visits what is below `root`, or `root` itself when it is no directory. False when something could
 * not be looked at or the bounds were too small.
 */
bool tree_walk(const char *root, struct tree_bounds *bounds, const struct tree_visitor *visitor);

#endif
