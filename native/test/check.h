/* A failed check says where and ends the test program. */
#ifndef AE_TEST_CHECK_H
#define AE_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define check(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fprintf(stderr, ": not %s\n", #condition);                                 \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#endif
