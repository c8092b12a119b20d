/* What is in the programs that are run. Thread safe. */
#ifndef AE_DIGESTS_H
#define AE_DIGESTS_H

#include "../../common/sha256.h"
#include "resolve.h"

/* SHA-256 of a file. False when it cannot be read, is too large or changes while it is read. */
bool digests_of(const struct target *target, unsigned char digest[SHA256_SIZE]);

#endif
