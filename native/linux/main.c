/*
 * aegis-helper: without an argument it executes the plan on descriptor 3, with `probe` it reports
 * what the kernel can do. native/README.md describes both.
 */
#include <string.h>
#include <unistd.h>

#include "../common/die.h"
#include "probe.h"
#include "supervisor.h"

int main(int count, char **arguments)
{
	if (count == 2 && strcmp(arguments[1], "probe") == 0)
		return probe_run();
	if (count > 1)
		die("usage", 0, "takes a plan on descriptor 3, or the argument \"probe\"");
	return supervisor_run();
}
