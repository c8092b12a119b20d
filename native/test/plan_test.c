/*
 * The plan parser over the table of plan_cases.c. With a directory as argument the good plans are
 * written there, to start fuzzing from.
 */
#include <errno.h>
#include <string.h>

#include "../common/plan.h"
#include "check.h"
#include "plan_cases.h"

static struct builder builder;
static struct plan plan;

static int parse(size_t size)
{
	const char *why = NULL;
	/* A buffer of exactly this size, so that reading beyond it is caught. */
	unsigned char *copy = malloc(size ? size : 1);
	int error;

	memcpy(copy, builder.data, size);
	error = plan_parse(copy, size, &plan, &why);
	free(copy);
	check((error != 0) == (why != NULL), "a refusal says why");
	return error;
}

static void test_rows(void)
{
	for (size_t i = 0; i < plan_case_count(); i++) {
		int error;

		build_begin(&builder);
		plan_case_at(i)->make(&builder);
		build_end(&builder);
		error = parse(builder.size);
		check(error == plan_case_at(i)->error, "%s: %d instead of %d",
		      plan_case_at(i)->name, error, plan_case_at(i)->error);
		plan_free(&plan);
	}
}

static void test_content(void)
{
	build_begin(&builder);
	plan_case_at(PLAN_CASE_FULL)->make(&builder);
	build_end(&builder);
	check(parse(builder.size) == 0, "the full plan");
	check(plan.namespaces == 0x78020000, "namespaces");
	check(plan.rlimit_count == 1 && plan.rlimits[0].hard == 128, "rlimits");
	check(plan.has_umask && plan.umask == 077, "umask");
	check(plan.mount_count == 4 && !strcmp(plan.mounts[1].path, "/work space"), "mounts");
	check(plan.mounts[1].optional && plan.mounts[2].size == 65536, "mount details");
	check(plan.has_landlock && plan.landlock_path_count == 1 && plan.landlock_port_count == 1,
	      "landlock");
	check(plan.landlock_ports[0].port == 443, "port");
	check(plan.filter_size == 2 && plan.notify == (255 | 512), "filter and notify");
	check(plan.rule_count == 3 && plan.rules[0].permit && !plan.rules[1].permit, "rules");
	check(plan.rules[0].atoms[1].size == 9, "like");
	check(plan.rules[1].atoms[1].port == 443 && plan.rules[1].atoms[1].port_op == PORT_LT,
	      "port");
	check(plan.rules[2].permit && plan.rules[2].inside && !plan.rules[0].inside, "inside");
	check(plan.has_gateway && plan.gateway.port == 40000 && plan.gateway.resolver_port == 5353,
	      "gateway");
	check(!memcmp(plan.gateway.token, "a token of thirty-two bytes, yes", 32), "token");
	check(!strcmp(plan.program, "/bin/true") && !strcmp(plan.directory, "/tmp"), "command");
	check(plan.argument_count == 2 && !plan.arguments[2] && !strcmp(plan.arguments[1], ""),
	      "arguments");
	check(plan.environment_count == 1 && !plan.environment[1], "environment");
	plan_free(&plan);
}

/* One argument of this size. */
static int parse_word_of(size_t size)
{
	static unsigned char data[200000];
	const uint32_t whole = (uint32_t)(sizeof(data));
	const char *why = NULL;
	unsigned char *copy;
	size_t used;
	uint32_t at = (uint32_t)size;
	int error;

	build_begin(&builder);
	build_namespaces(&builder, 0);
	build_record(&builder, 11, 0);
	build_str(&builder, "/");
	build_record_end(&builder);
	build_record(&builder, 12, 0);
	build_str(&builder, "/bin/true");
	build_record_end(&builder);
	build_record(&builder, 13, 0);
	build_end(&builder);
	check(builder.size + size + 8 <= whole, "the buffer is large enough");
	memset(data, 0, sizeof(data));
	memcpy(data, builder.data, builder.size);
	memcpy(data + builder.size - 4, &at, sizeof(at));
	memset(data + builder.size, 'x', size);
	used = builder.size + ((size + 7) & ~(size_t)7);
	at = (uint32_t)used;
	memcpy(data + 8, &at, sizeof(at));
	copy = malloc(used);
	memcpy(copy, data, used);
	error = plan_parse(copy, used, &plan, &why);
	free(copy);
	if (error == 0)
		check(strlen(plan.arguments[0]) == size, "the argument is whole");
	plan_free(&plan);
	return error;
}

static void test_words(void)
{
	check(parse_word_of(0) == 0, "an empty argument");
	check(parse_word_of(65536) == 0, "an argument of 64 KiB");
	check(parse_word_of(131071) == 0, "the longest argument Linux takes");
	check(parse_word_of(131072) == -EINVAL, "a longer one");
}

static int parse_overlay(const char *upper, const char *work, uint16_t flags)
{
	build_begin(&builder);
	build_namespaces(&builder, 0x00020000);
	build_record(&builder, 4, flags);
	build_u16(&builder, STEP_OVERLAY);
	build_u16(&builder, 0);
	build_u32(&builder, 0);
	build_u64(&builder, 0);
	build_str(&builder, "/place");
	build_str(&builder, upper);
	if (work)
		build_str(&builder, work);
	build_record_end(&builder);
	build_command(&builder);
	build_end(&builder);
	return parse(builder.size);
}

static void test_overlay(void)
{
	check(parse_overlay("/up", "/work", 0) == 0, "an overlay");
	check(!strcmp(plan.mounts[0].upper, "/up") && !strcmp(plan.mounts[0].work, "/work"),
	      "its layers");
	plan_free(&plan);
	check(parse_overlay("/up", NULL, 0) == -EINVAL, "an overlay without a work folder");
	plan_free(&plan);
	check(parse_overlay("up", "/work", 0) == -EINVAL, "an overlay of a relative path");
	plan_free(&plan);
	check(parse_overlay("/up", "/work", 1) == -EINVAL, "an optional overlay");
	plan_free(&plan);
}

/* Every shorter piece of a good plan, a byte too many, and every header byte changed, is refused.
 */
static void test_cuts(void)
{
	build_begin(&builder);
	plan_case_at(PLAN_CASE_FULL)->make(&builder);
	build_end(&builder);
	for (size_t size = 0; size < builder.size; size++)
		check(parse(size) != 0, "%zu of %zu bytes", size, builder.size);
	check(parse(builder.size + 1) != 0, "a byte behind the end");
	for (size_t at = 0; at < 16; at++) {
		builder.data[at] ^= 0x40;
		check(parse(builder.size) != 0, "header byte %zu changed", at);
		builder.data[at] ^= 0x40;
	}
	check(parse(builder.size) == 0, "the plan again");
	plan_free(&plan);
}

/* Padding has to be zero: the namespaces record ends in four bytes of it. */
static void test_padding(void)
{
	build_begin(&builder);
	plan_case_at(PLAN_CASE_LEAST)->make(&builder);
	build_end(&builder);
	builder.data[16 + 8 + 4] = 1;
	check(parse(builder.size) == -EINVAL, "padding that is not zero");
}

static void write_seeds(const char *directory)
{
	for (size_t i = 0; i < plan_case_count(); i++) {
		char path[512];
		FILE *file;

		build_begin(&builder);
		plan_case_at(i)->make(&builder);
		build_end(&builder);
		snprintf(path, sizeof(path), "%s/%zu", directory, i);
		file = fopen(path, "wb");
		check(file && fwrite(builder.data, builder.size, 1, file) == 1, "%s", path);
		fclose(file);
	}
}

int main(int count, char **arguments)
{
	if (count == 2) {
		write_seeds(arguments[1]);
		return 0;
	}
	test_rows();
	test_content();
	test_words();
	test_overlay();
	test_cuts();
	test_padding();
	printf("plan_test: %zu plans\n", plan_case_count());
	return 0;
}
