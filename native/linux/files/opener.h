/* Opens what was judged, in the caller's place: the only code that opens anything for the box. */
#ifndef AE_OPENER_H
#define AE_OPENER_H

#include <fcntl.h>

#include "../judge/request.h"

/* Not named by every C library. */
#define AE_O_TMPFILE (020000000 | O_DIRECTORY)

struct opening {
	uint64_t flags;
	uint64_t resolve;
	mode_t mode;
};

static inline bool opener_is_temporary(uint64_t flags)
{
	return (flags & AE_O_TMPFILE) == AE_O_TMPFILE;
}

/* The flags that open what was judged in the broker's place: a terminal must not become its own. */
int opener_own_flags(uint64_t flags);
/* Opens the object `request->first` and hands it over. The answer to give. */
int opener_open(struct request *request, const struct opening *opening);
/* Makes the missing file `request->first` and hands it over. EEXIST: it came to be in between. */
int opener_make(struct request *request, const struct opening *opening);

#endif
