/*
 * Stacks are small because there may be many threads: the default, of megabytes each, counts
 * against what the box may have.
 */
#include "thread.h"

int thread_start(void *(*body)(void *), void *argument, size_t stack_size, pthread_t *thread)
{
	pthread_attr_t attributes;
	int error;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, stack_size);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(thread, &attributes, body, argument);
	pthread_attr_destroy(&attributes);
	return -error;
}
