/* What the lender and aegis tell each other, as bytes; native/README.md has the layout. */
#ifndef AE_LEND_WIRE_H
#define AE_LEND_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "lend.h"

enum {
	LEND_ANSWER_SIZE = 8,
	/* Two paths and a program, a size before each, and what is fixed. */
	LEND_QUESTION_MAX = 3 * (AE_PATH_MAX + 2) + 20,
	LEND_WITHDRAWAL_SIZE = 12,
};

struct lend_question {
	uint32_t id;
	uint32_t pid;
	/* Bits of enum action. */
	uint16_t actions;
	/* As of lend_deed. */
	uint16_t deed;
	const char *path;
	size_t path_size;
	const char *exe;
	size_t exe_size;
	/* The other path of the call, or what a symbolic link says. */
	const char *other;
	size_t other_size;
};

struct lend_answer {
	uint32_t id;
	enum lend_verdict verdict;
};

/* The size of what was written to `frame`; 0 when a text is too long. */
size_t lend_write_question(unsigned char frame[LEND_QUESTION_MAX],
			   const struct lend_question *question);
void lend_write_withdrawal(unsigned char frame[LEND_WITHDRAWAL_SIZE], uint32_t id);
/* False when it is no answer. */
bool lend_read_answer(const unsigned char bytes[LEND_ANSWER_SIZE], struct lend_answer *answer);
/*
 * False for what no broker asks for: texts without an end, kinds, flags and modes that mean
 * something else than a person would be told. Of what it says nothing else is believed either.
 */
bool lend_is_sound(const struct lend_request *request);
/*
 * The actions an open with these flags is, as bits; 0 when it is none that is lent: flags that make
 * a file or mean no opening, and a folder that would be written.
 */
uint16_t lend_actions(uint64_t flags, bool is_directory);
/* What is done to the first or second path of a request: native/README.md has the numbers. */
uint16_t lend_deed(const struct lend_request *request, bool is_second);
/* Those of the flags that an open through a path descriptor can have. */
int lend_flags(uint64_t flags);

#endif
