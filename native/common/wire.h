/* Little-endian writing of frames; the layout is in native/README.md. Each returns the offset
 * behind what it wrote. */
#ifndef AE_WIRE_H
#define AE_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the plan and the frames are little endian and copied as they are"
#endif

enum wire_kind {
	WIRE_STARTED = 1,
	WIRE_PROGRAM = 2,
	WIRE_ACCESS = 3,
	WIRE_EXITED = 4,
	WIRE_FAILED = 5,
	WIRE_LIMIT = 16,
	WIRE_REFUSED = 17,
};

static inline size_t wire_u8(unsigned char *frame, size_t at, uint8_t value)
{
	frame[at] = value;
	return at + 1;
}

static inline size_t wire_u16(unsigned char *frame, size_t at, uint16_t value)
{
	memcpy(frame + at, &value, sizeof(value));
	return at + sizeof(value);
}

static inline size_t wire_u32(unsigned char *frame, size_t at, uint32_t value)
{
	memcpy(frame + at, &value, sizeof(value));
	return at + sizeof(value);
}

static inline size_t wire_u64(unsigned char *frame, size_t at, uint64_t value)
{
	memcpy(frame + at, &value, sizeof(value));
	return at + sizeof(value);
}

/* `size` is at most 65,535: every string of the helper is far shorter. */
static inline size_t wire_str(unsigned char *frame, size_t at, const char *text, size_t size)
{
	at = wire_u16(frame, at, (uint16_t)size);
	if (size)
		memcpy(frame + at, text, size);
	return at + size;
}

static inline size_t wire_header(unsigned char *frame, enum wire_kind kind)
{
	wire_u32(frame, 0, 0);
	wire_u16(frame, 4, (uint16_t)kind);
	return wire_u16(frame, 6, 0);
}

static inline void wire_finish(unsigned char *frame, size_t size)
{
	wire_u32(frame, 0, (uint32_t)size);
}

#endif
