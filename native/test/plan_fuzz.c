/*
 * Any bytes are a plan or refused. The magic and the size are put right, or nearly nothing would
 * get past them; what is accepted is used the way the helper would.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../common/plan.h"
#include "../linux/judge/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t add_text(const char *text)
{
	return text ? strlen(text) : 0;
}

static size_t use(const struct plan *plan)
{
	size_t sum = add_text(plan->directory) + add_text(plan->program);
	struct judge *judge = judge_build(plan->rules, plan->rule_count);

	for (size_t i = 0; i < plan->mount_count; i++)
		sum += add_text(plan->mounts[i].path);
	for (size_t i = 0; i < plan->landlock_path_count; i++)
		sum += add_text(plan->landlock_paths[i].path);
	for (size_t i = 0; plan->arguments[i]; i++)
		sum += add_text(plan->arguments[i]);
	for (size_t i = 0; plan->environment[i]; i++)
		sum += add_text(plan->environment[i]);
	for (size_t i = 0; i < plan->filter_size; i++)
		sum += plan->filter[i].k;
	for (int action = 0; judge && action < ACTION_COUNT; action++)
		sum += judge_path(judge, (enum action)action, plan->program, strlen(plan->program))
			       .allowed;
	judge_free(judge);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	uint32_t whole = (uint32_t)size;
	struct plan plan;
	const char *why;
	volatile size_t sum;

	memcpy(copy, data, size);
	if (size >= 16) {
		memcpy(copy, "AEGP\1\0\0\0", 8);
		memcpy(copy + 8, &whole, sizeof(whole));
	}
	if (plan_parse(copy, size, &plan, &why) == 0) {
		sum = use(&plan);
		(void)sum;
		plan_free(&plan);
	}
	free(copy);
	return 0;
}
