/* Judges the calls that take a path. */
#ifndef AE_FILES_H
#define AE_FILES_H

#include "request.h"

/* The answer, with the rows noted in the request. */
int files_judge(struct request *request);

#endif
