/* The threads that answer the box's notified calls. */
#ifndef AE_NOTIFY_H
#define AE_NOTIFY_H

#include "../judge/request.h"

/* Takes over `listener`. 0 or -errno. `rules` must outlive the threads. */
int notify_start(int listener, const struct box_rules *rules);
/* From here on the thread's call may be answered; the box does not end before its row is there. */
void notify_answer_begins(void);
/* When no process of the box is left: returns once every row is in the frame buffer. */
void notify_stop(void);

#endif
