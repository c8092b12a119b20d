/* Threads nobody waits for: they give back what they have by themselves. */
#ifndef AE_THREAD_H
#define AE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* `stack_size` bytes of stack; *thread is what the new one is called. 0 or -errno. */
int thread_start(void *(*body)(void *), void *argument, size_t stack_size, pthread_t *thread);

#endif
