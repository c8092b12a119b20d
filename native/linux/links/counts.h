/*
 * How many names of a file are known to lie where the box may write, and nothing forbids reading.
 * Not safe against several threads at once.
 */
#ifndef AE_COUNTS_H
#define AE_COUNTS_H

#include "../judge/judge.h"
#include "../judge/resolve.h"

void counts_start(const struct plan *plan, const struct judge *judge);
/* Whether all names of `target` are known to be such. */
bool counts_know(const struct target *target);
/*
 * The same. Looks for them when that may help; `generation` is read
 * before and after and has to be the same even number, or names changed meanwhile and nothing is
 * believed.
 */
bool counts_cover(const struct target *target, uint64_t (*generation)(void));
/* When a file was made, in ns; 0 where the file system does not say. An empty name is `fd` itself.
 */
uint64_t counts_birth(int fd, const char *name);
/* The box makes one more name of `target`, where it may write. */
void counts_add(const struct target *target);
/* A name of a file goes. False where none was known. */
bool counts_drop(dev_t device, ino_t inode);
/* It has stayed after all. */
void counts_restore(dev_t device, ino_t inode);

#endif
