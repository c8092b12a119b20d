/* SHA-256 against another implementation, at the sizes where padding changes, and in pieces. */
#include <stdio.h>
#include <string.h>

#include "../common/sha256.h"
#include "check.h"

enum { SIZE_MAX_TESTED = 65537 };

static const struct {
	size_t size;
	const char *hex;
} rows[] = {
	/* clang-format off */
	{0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{1, "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"},
	{55, "81afe5b788dc2ce138ff83d9b20164db75a94d75d2b2432eea4a0ef605088c72"},
	{56, "2aba54f0ac632420a2b502431408866e40e1d5e430df4cd822642c78ab2eb9c1"},
	{63, "733d3d4ee79ee67145bf73da13588f6f235d37414fc64b14a2f00f1762792f5e"},
	{64, "79322907b3e9d013d7dc2c2f256674dbf733045cde01df3539271c6f5605feb8"},
	{65, "d85c007c6eb440f085afa2b84f6f2bce4658b240e9f62cb1364bf0485a57e720"},
	{119, "6c87eedf096b345de205b702e5223b73b447a3207791ded3ea007ba15ed6736e"},
	{120, "42500cf6a1e3936d6b9e0bcfe296d654b63255e525487d3634d0b15fde591c4d"},
	{128, "489d55fea9a73af36b6dd0be7b4117d8e5683386d39544e8a44c99a87f368707"},
	{1000, "6b0df76627243d095b0c4400cb658b7e804dd03461cc03aee8fc8fe0bcada168"},
	{65537, "49eb2b54b404f188a584dee823b4d10b14fd5a59878399e59421e542a268d339"},
	/* clang-format on */
};

static void hex_of(const unsigned char *data, size_t size, size_t piece, char hex[65])
{
	unsigned char digest[SHA256_SIZE];
	struct sha256 hash;

	sha256_begin(&hash);
	for (size_t at = 0; at < size; at += piece)
		sha256_add(&hash, data + at, size - at < piece ? size - at : piece);
	sha256_end(&hash, digest);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

int main(void)
{
	static unsigned char data[SIZE_MAX_TESTED];
	static const size_t pieces[] = {1, 63, 64, 65, SIZE_MAX_TESTED};
	char hex[65];

	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		for (size_t i = 0; i < rows[row].size; i++)
			data[i] = (unsigned char)(i * 7 + rows[row].size);
		for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
			hex_of(data, rows[row].size, pieces[i], hex);
			check(!strcmp(hex, rows[row].hex), "%s", rows[row].hex);
		}
	}
	return 0;
}
