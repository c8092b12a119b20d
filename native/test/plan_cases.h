/* One plan that has everything, and for each thing that can be wrong one that has just that. */
#ifndef AE_TEST_PLAN_CASES_H
#define AE_TEST_PLAN_CASES_H

#include "builder.h"

struct plan_case {
	const char *name;
	/* Between build_begin and build_end. */
	void (*make)(struct builder *builder);
	/* What plan_parse says. */
	int error;
};

size_t plan_case_count(void);
const struct plan_case *plan_case_at(size_t number);

/* Those about rules, which are the last of all. */
extern const struct plan_case rule_cases[];
extern const size_t rule_case_count;

enum { PLAN_CASE_LEAST, PLAN_CASE_FULL };

#endif
