/* Makes plans byte by byte, good ones and bad ones, independently of src/bridge. */
#ifndef AE_TEST_BUILDER_H
#define AE_TEST_BUILDER_H

#include <stddef.h>
#include <stdint.h>

struct builder {
	unsigned char data[1 << 16];
	size_t size;
	uint32_t records;
	size_t record_start;
};

void build_begin(struct builder *builder);
void build_bytes(struct builder *builder, const void *bytes, size_t size);
void build_u8(struct builder *builder, uint8_t value);
void build_u16(struct builder *builder, uint16_t value);
void build_u32(struct builder *builder, uint32_t value);
void build_u64(struct builder *builder, uint64_t value);
void build_str(struct builder *builder, const char *text);
void build_record(struct builder *builder, uint16_t kind, uint16_t flags);
void build_record_end(struct builder *builder);
/* Writes the header; the plan is then data[0..size). */
void build_end(struct builder *builder);

/* Records as the cases need them. */
void build_filter(struct builder *builder, size_t instructions);
void build_notify(struct builder *builder, uint32_t bits);
/* Followed by the atoms and build_record_end. */
void build_rule(struct builder *builder, uint16_t actions, uint8_t effect, uint8_t atoms);
void build_atom(struct builder *builder, uint8_t kind, const char *bytes, size_t size);
void build_gateway(struct builder *builder, uint16_t port, uint32_t reserved);

/* The shortest plan there is, of which other tests make variants. */
void build_namespaces(struct builder *builder, uint32_t flags);
void build_command(struct builder *builder);

#endif
