/* Looks through a directory tree without following links. */
#ifndef AE_TREE_H
#define AE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* What is called for every entry that is no directory. `path` is `size` bytes and a terminator. */
typedef void tree_visit(void *context, const char *path, size_t size, const struct stat *status);

/*
 * Visits what is below `root`, or `root` itself when it is no directory, and takes every entry off
 * *budget. False when something could not be looked at or the budget was too small.
 */
bool tree_walk(const char *root, size_t *budget, tree_visit *visit, void *context);

#endif
