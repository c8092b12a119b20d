/*
 * aegis-helper: without an argument it executes the plan on descriptor 3, with `probe` it reports
 * what the kernel can do, with `pump` it moves bytes between two sockets, with `start` it becomes
 * the program that descriptor 3 names. native/README.md describes all four.
 */
#include <string.h>
#include <unistd.h>

#include "../common/die.h"
#include "box/supervisor.h"
#include "probe.h"
#include "pump.h"
#include "start.h"

int main(int count, char **arguments)
{
	if (count == 2 && strcmp(arguments[1], "probe") == 0)
		return probe_run();
	if (count == 2 && strcmp(arguments[1], "pump") == 0)
		return pump_run();
	if (count == 2 && strcmp(arguments[1], "start") == 0)
		return start_run();
	if (count > 1)
		die("usage", 0,
		    "takes a plan on descriptor 3, or \"probe\", \"pump\" or \"start\"");
	return supervisor_run();
}
