/* Told by the path alone: systems agree on where they put what is installed. */
#include "installed.h"

#include <string.h>

static bool is_below(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	while (size > 0 && folder[size - 1] == '/')
		size--;
	return !strncmp(path, folder, size) && (path[size] == 0 || path[size] == '/');
}

bool installed_holds(const char *path)
{
	static const char *const places[] = {
		"/usr",	 "/lib", "/lib32", "/lib64", "/libx32", "/bin",
		"/sbin", "/opt", "/nix",   "/gnu",   "/snap",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (is_below(path, places[i]))
			return true;
	}
	return false;
}

bool installed_is_system(const struct plan *plan, const char *path)
{
	if (!installed_holds(path) || is_below(path, plan->directory))
		return false;
	for (size_t i = 0; i < plan->environment_count; i++) {
		if (!strncmp(plan->environment[i], "HOME=", 5) &&
		    is_below(path, plan->environment[i] + 5))
			return false;
	}
	return true;
}
