/* Numbers at the ends of their lengths. */
#include <stdint.h>
#include <string.h>

#include "../common/number.h"
#include "check.h"

int main(void)
{
	static const struct {
		unsigned int number;
		const char *text;
	} rows[] = {
		{0, "0"},
		{9, "9"},
		{10, "10"},
		{99, "99"},
		{100, "100"},
		{2147483647, "2147483647"},
		{UINT32_MAX, "4294967295"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[NUMBER_SIZE];
		size_t size = number_write(text, rows[i].number);

		check(!strcmp(text, rows[i].text), "%s", rows[i].text);
		check(size == strlen(text), "%s", rows[i].text);
	}
	return 0;
}
