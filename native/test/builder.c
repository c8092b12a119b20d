#include "builder.h"

#include <assert.h>
#include <string.h>

void build_begin(struct builder *builder)
{
	memset(builder, 0, sizeof(*builder));
	builder->size = 16;
}

void build_bytes(struct builder *builder, const void *bytes, size_t size)
{
	assert(builder->size + size <= sizeof(builder->data));
	if (size)
		memcpy(builder->data + builder->size, bytes, size);
	builder->size += size;
}

void build_u8(struct builder *builder, uint8_t value)
{
	build_bytes(builder, &value, sizeof(value));
}

void build_u16(struct builder *builder, uint16_t value)
{
	build_bytes(builder, &value, sizeof(value));
}

void build_u32(struct builder *builder, uint32_t value)
{
	build_bytes(builder, &value, sizeof(value));
}

void build_u64(struct builder *builder, uint64_t value)
{
	build_bytes(builder, &value, sizeof(value));
}

void build_str(struct builder *builder, const char *text)
{
	build_u16(builder, (uint16_t)strlen(text));
	build_bytes(builder, text, strlen(text));
}

void build_record(struct builder *builder, uint16_t kind, uint16_t flags)
{
	build_u16(builder, kind);
	build_u16(builder, flags);
	build_u32(builder, 0);
	builder->record_start = builder->size;
	builder->records++;
}

void build_record_end(struct builder *builder)
{
	uint32_t size = (uint32_t)(builder->size - builder->record_start);

	memcpy(builder->data + builder->record_start - 4, &size, sizeof(size));
	while ((builder->size - builder->record_start) % 8)
		build_u8(builder, 0);
}

void build_end(struct builder *builder)
{
	const uint16_t version = 1;
	uint32_t size = (uint32_t)builder->size;

	memcpy(builder->data, "AEGP", 4);
	memcpy(builder->data + 4, &version, sizeof(version));
	memcpy(builder->data + 8, &size, sizeof(size));
	memcpy(builder->data + 12, &builder->records, sizeof(builder->records));
}

void build_namespaces(struct builder *builder, uint32_t flags)
{
	build_record(builder, 1, 0);
	build_u32(builder, flags);
	build_record_end(builder);
}

static void build_word(struct builder *builder, uint16_t kind, const char *text)
{
	build_record(builder, kind, 0);
	build_bytes(builder, text, strlen(text));
	build_record_end(builder);
}

static void build_text(struct builder *builder, uint16_t kind, const char *text)
{
	build_record(builder, kind, 0);
	build_str(builder, text);
	build_record_end(builder);
}

void build_command(struct builder *builder)
{
	build_text(builder, 11, "/tmp");
	build_text(builder, 12, "/bin/true");
	build_word(builder, 13, "true");
	build_word(builder, 13, "");
	build_word(builder, 14, "PATH=/bin");
}

void build_filter(struct builder *builder, size_t instructions)
{
	build_record(builder, 8, 0);
	for (size_t i = 0; i < instructions; i++)
		build_u64(builder, 0x7fff000000000006);
	build_record_end(builder);
}

void build_notify(struct builder *builder, uint32_t bits)
{
	build_record(builder, 9, 0);
	build_u32(builder, bits);
	build_record_end(builder);
}

void build_rule(struct builder *builder, uint16_t actions, uint8_t effect, uint8_t atoms)
{
	build_record(builder, 10, 0);
	build_u16(builder, actions);
	build_u8(builder, effect);
	build_u8(builder, atoms);
}

void build_atom(struct builder *builder, uint8_t kind, const char *bytes, size_t size)
{
	build_u8(builder, kind);
	build_u8(builder, 0);
	build_u16(builder, (uint16_t)size);
	build_bytes(builder, bytes, size);
}

void build_gateway(struct builder *builder, uint16_t port, uint32_t reserved)
{
	build_record(builder, 15, 0);
	build_u16(builder, port);
	build_u16(builder, 5353);
	build_u32(builder, reserved);
	build_bytes(builder, "a token of thirty-two bytes, yes", 32);
	build_record_end(builder);
}
