/* Which programs the box runs: judged before they start, and looked at again once they have. */
#ifndef AE_EXEC_H
#define AE_EXEC_H

#include "../judge/request.h"

/* Once, before calls are answered. 0 or -errno. */
int exec_init(void);
/* Judges the execution of `request->first`, which is resolved. The answer to give. */
int exec_judge(struct request *request);
/*
 * Whether the caller runs what it may run. When not, the denial is noted, and exec_end ends the
 * caller once that is recorded.
 */
bool exec_verify(struct request *request);
void exec_end(const struct caller *caller);

#endif
