/* Plans with one thing wrong in a rule or in one of its atoms. */
#include "plan_cases.h"

#include <errno.h>

static void make_no_action(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_rule(builder, 0, 1, 0);
	build_record_end(builder);
	build_command(builder);
}

static void make_unknown_action(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_rule(builder, 0x100, 1, 0);
	build_record_end(builder);
	build_command(builder);
}

static void make_unknown_effect(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_rule(builder, 1, 255, 0);
	build_record_end(builder);
	build_command(builder);
}

static void make_inside_nothing(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_rule(builder, 0x40, 2, 0);
	build_record_end(builder);
	build_command(builder);
}

static void make_missing_atom(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_rule(builder, 1, 1, 1);
	build_record_end(builder);
	build_command(builder);
}

static void make_extra_atom(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_rule(builder, 1, 1, 0);
	build_atom(builder, 1, "/usr", 4);
	build_record_end(builder);
	build_command(builder);
}

static void make_one_atom(struct builder *builder, uint8_t kind, const char *bytes, size_t size)
{
	build_namespaces(builder, 0);
	build_rule(builder, 1, 1, 1);
	build_atom(builder, kind, bytes, size);
	build_record_end(builder);
	build_command(builder);
}

static void make_unknown_atom(struct builder *builder)
{
	make_one_atom(builder, 7, "/usr", 4);
}

static void make_empty_place(struct builder *builder)
{
	make_one_atom(builder, 1, "", 0);
}

static void make_nul_in_path(struct builder *builder)
{
	make_one_atom(builder, 2, "/a\0b", 4);
}

static void make_short_port(struct builder *builder)
{
	make_one_atom(builder, 6, "\0\0\x50", 3);
}

static void make_unknown_port_op(struct builder *builder)
{
	make_one_atom(builder, 6, "\x05\0\x50\0", 4);
}

const struct plan_case rule_cases[] = {
	{"a rule without actions", make_no_action, -EINVAL},
	{"a rule on an unknown action", make_unknown_action, -EINVAL},
	{"an unknown effect", make_unknown_effect, -EINVAL},
	{"a permit inside without a network of the box's own", make_inside_nothing, -EINVAL},
	{"fewer atoms than said", make_missing_atom, -EINVAL},
	{"more atoms than said", make_extra_atom, -EINVAL},
	{"an unknown atom", make_unknown_atom, -EINVAL},
	{"an empty path-in", make_empty_place, -EINVAL},
	{"a NUL in a path", make_nul_in_path, -EINVAL},
	{"a short port atom", make_short_port, -EINVAL},
	{"an unknown port comparison", make_unknown_port_op, -EINVAL},
};

const size_t rule_case_count = sizeof(rule_cases) / sizeof(*rule_cases);
