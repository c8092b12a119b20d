/* Ends everything below the calling process when there is no pid namespace to do it. */
#ifndef AE_DESCENDANTS_H
#define AE_DESCENDANTS_H

/* Returns when no child is left. The caller must be a child subreaper, so that no descendant can
 * escape to another parent. */
void descendants_end(void);

#endif
