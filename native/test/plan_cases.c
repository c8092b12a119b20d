#include "plan_cases.h"

#include <errno.h>

enum { MOUNT_NAMESPACE = 0x00020000 };

static void mount_record(struct builder *builder, uint16_t step, const char *path, uint16_t flags)
{
	build_record(builder, 4, flags);
	build_u16(builder, step);
	build_u16(builder, step == 6 ? 0700 : 0);
	build_u32(builder, 0);
	build_u64(builder, step == 6 ? 65536 : 0);
	build_str(builder, path);
	build_record_end(builder);
}

static void landlock_records(struct builder *builder)
{
	build_record(builder, 5, 0);
	build_u64(builder, 0xffff);
	build_u64(builder, 3);
	build_u64(builder, 3);
	build_record_end(builder);
	build_record(builder, 6, 1);
	build_u64(builder, 4);
	build_str(builder, "/usr");
	build_record_end(builder);
	build_record(builder, 7, 0);
	build_u64(builder, 2);
	build_u16(builder, 443);
	build_record_end(builder);
}

static void make_least(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_command(builder);
}

static void make_gateway(struct builder *builder, uint32_t notify, uint16_t port, uint32_t reserved)
{
	build_namespaces(builder, 0);
	build_filter(builder, 1);
	build_notify(builder, notify);
	build_command(builder);
	build_gateway(builder, port, reserved);
}

static void make_gateway_unbrokered(struct builder *builder)
{
	make_gateway(builder, 1, 80, 0);
}

static void make_gateway_without_port(struct builder *builder)
{
	make_gateway(builder, 4, 0, 0);
}

static void make_gateway_with_flags(struct builder *builder)
{
	make_gateway(builder, 4, 80, 1);
}

static void make_full(struct builder *builder)
{
	build_namespaces(builder, 0x78020000);
	build_record(builder, 2, 0);
	build_u32(builder, 7);
	build_u32(builder, 0);
	build_u64(builder, 64);
	build_u64(builder, 128);
	build_record_end(builder);
	build_record(builder, 3, 0);
	build_u32(builder, 077);
	build_record_end(builder);
	mount_record(builder, 1, "", 0);
	mount_record(builder, 2, "/work space", 1);
	mount_record(builder, 6, "/dev/shm", 0);
	mount_record(builder, 7, "", 0);
	landlock_records(builder);
	build_filter(builder, 2);
	build_notify(builder, 255 | 512);
	build_rule(builder, 0x3f, 1, 2);
	build_atom(builder, 1, "/usr", 4);
	build_atom(builder, 3, "/usr/\0.so", 9);
	build_record_end(builder);
	build_rule(builder, 0x40, 0, 2);
	build_atom(builder, 4, "localhost", 9);
	build_atom(builder, 6, "\x01\x00\xbb\x01", 4);
	build_record_end(builder);
	build_rule(builder, 0xc0, 2, 0);
	build_record_end(builder);
	build_command(builder);
	build_gateway(builder, 40000, 0);
}

static void make_unknown_namespace(struct builder *builder)
{
	build_namespaces(builder, 0x02000000);
	build_command(builder);
}

static void make_no_namespaces(struct builder *builder)
{
	build_command(builder);
}

static void make_two_namespaces(struct builder *builder)
{
	build_namespaces(builder, 0);
	make_least(builder);
}

static void make_unknown_kind(struct builder *builder)
{
	make_least(builder);
	build_record(builder, 99, 0);
	build_record_end(builder);
}

static void make_limit_twice(struct builder *builder)
{
	static const uint32_t memory_by_supervisor = 1 | 2 << 16;

	make_least(builder);
	for (int i = 0; i < 2; i++) {
		build_record(builder, 16, 0);
		build_u32(builder, memory_by_supervisor);
		build_bytes(builder, "\0\0\0\0\5\0\0\0\0\0\0\0\0", 14);
		build_record_end(builder);
	}
}

static void make_unordered(struct builder *builder)
{
	make_least(builder);
	build_notify(builder, 1);
}

static void make_unknown_flag(struct builder *builder)
{
	build_namespaces(builder, MOUNT_NAMESPACE);
	mount_record(builder, 2, "/x", 2);
	build_command(builder);
}

static void make_optional_umask(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_record(builder, 3, 1);
	build_u32(builder, 077);
	build_record_end(builder);
	build_command(builder);
}

static void make_wide_umask(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_record(builder, 3, 0);
	build_u32(builder, 01000);
	build_record_end(builder);
	build_command(builder);
}

static void make_mount_outside(struct builder *builder)
{
	build_namespaces(builder, 0);
	mount_record(builder, 2, "/x", 0);
	build_command(builder);
}

static void make_relative_mount(struct builder *builder)
{
	build_namespaces(builder, MOUNT_NAMESPACE);
	mount_record(builder, 2, "x", 0);
	build_command(builder);
}

static void make_named_root(struct builder *builder)
{
	build_namespaces(builder, MOUNT_NAMESPACE);
	mount_record(builder, 1, "/x", 0);
	build_command(builder);
}

static void make_unknown_step(struct builder *builder)
{
	build_namespaces(builder, MOUNT_NAMESPACE);
	mount_record(builder, 64, "/x", 0);
	build_command(builder);
}

static void make_port_without_ruleset(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_record(builder, 7, 0);
	build_u64(builder, 2);
	build_u16(builder, 443);
	build_record_end(builder);
	build_command(builder);
}

static void make_half_instruction(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_record(builder, 8, 0);
	build_u32(builder, 6);
	build_record_end(builder);
	build_command(builder);
}

static void make_long_filter(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_filter(builder, 4097);
	build_command(builder);
}

static void make_notify_alone(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_notify(builder, 1);
	build_command(builder);
}

static void make_open_alone(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_filter(builder, 1);
	build_notify(builder, 8);
	build_command(builder);
}

static void make_unknown_notify(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_filter(builder, 1);
	build_notify(builder, 1u << 31);
	build_command(builder);
}

static void make_no_arguments(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_record(builder, 11, 0);
	build_str(builder, "/");
	build_record_end(builder);
	build_record(builder, 12, 0);
	build_str(builder, "/bin/true");
	build_record_end(builder);
}

static void make_relative_program(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_record(builder, 11, 0);
	build_str(builder, "/");
	build_record_end(builder);
	build_record(builder, 12, 0);
	build_str(builder, "true");
	build_record_end(builder);
	build_record(builder, 13, 0);
	build_bytes(builder, "true", 4);
	build_record_end(builder);
}

static void make_cut_argument(struct builder *builder)
{
	make_least(builder);
	build_record(builder, 14, 0);
	build_bytes(builder, "A=\0b", 4);
	build_record_end(builder);
}

static void make_cut_string(struct builder *builder)
{
	build_namespaces(builder, 0);
	build_record(builder, 11, 0);
	build_u16(builder, 100);
	build_record_end(builder);
}

static const struct plan_case cases[] = {
	{"the least plan", make_least, 0},
	{"a plan with everything", make_full, 0},
	{"an unknown namespace", make_unknown_namespace, -EINVAL},
	{"a NUL in a variable", make_cut_argument, -EINVAL},
	{"no namespaces record", make_no_namespaces, -EINVAL},
	{"two namespaces records", make_two_namespaces, -E2BIG},
	{"an unknown kind", make_unknown_kind, -EINVAL},
	{"a limit twice", make_limit_twice, -EINVAL},
	{"records out of order", make_unordered, -EINVAL},
	{"an unknown flag", make_unknown_flag, -EINVAL},
	{"an optional flag where none belongs", make_optional_umask, -EINVAL},
	{"a umask of more than nine bits", make_wide_umask, -EINVAL},
	{"a mount without a mount namespace", make_mount_outside, -EINVAL},
	{"a mount of a relative path", make_relative_mount, -EINVAL},
	{"a read-only root with a path", make_named_root, -EINVAL},
	{"an unknown mount step", make_unknown_step, -EINVAL},
	{"a port without a ruleset", make_port_without_ruleset, -EINVAL},
	{"half an instruction", make_half_instruction, -EINVAL},
	{"a filter of 4097 instructions", make_long_filter, -EINVAL},
	{"notify without a filter", make_notify_alone, -EINVAL},
	{"brokered opens without brokered names", make_open_alone, -EINVAL},
	{"an unknown notify bit", make_unknown_notify, -EINVAL},
	{"a gateway without brokered sockets", make_gateway_unbrokered, -EINVAL},
	{"a gateway on no port", make_gateway_without_port, -EINVAL},
	{"a gateway with a flag", make_gateway_with_flags, -EINVAL},
	{"no arguments", make_no_arguments, -EINVAL},
	{"a relative program", make_relative_program, -EINVAL},
	{"a string longer than its record", make_cut_string, -EINVAL},
};

enum { OWN_COUNT = sizeof(cases) / sizeof(*cases) };

size_t plan_case_count(void)
{
	return OWN_COUNT + rule_case_count;
}

const struct plan_case *plan_case_at(size_t number)
{
	return number < OWN_COUNT ? &cases[number] : &rule_cases[number - OWN_COUNT];
}
