/* Numbers as text. */
#ifndef AE_NUMBER_H
#define AE_NUMBER_H

#include <stddef.h>

enum { NUMBER_SIZE = 11 };

/* Writes `number` and a terminator into `text`, at most NUMBER_SIZE bytes. Its length. */
static inline size_t number_write(char *text, unsigned int number)
{
	size_t size = 1;

	for (unsigned int rest = number; rest >= 10; rest /= 10)
		size++;
	text[size] = 0;
	for (size_t at = size; at > 0; number /= 10)
		text[--at] = (char)('0' + number % 10);
	return size;
}

#endif
