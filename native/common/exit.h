/* Exit codes of the helper when it is not the command's own status; src/cli/exit.ts uses the same.
 */
#ifndef AE_EXIT_H
#define AE_EXIT_H

enum {
	AE_EXIT_FAILED = 125,	 /* the box could not be built */
	AE_EXIT_REFUSED = 126,	 /* the program may not be executed */
	AE_EXIT_NOT_FOUND = 127, /* there is no such program */
};

#endif
