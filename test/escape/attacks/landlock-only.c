/*
 * landlock-only ro|rw PATH... -- CMD...: Landlock and nothing else, with every right the running
 * kernel has: the bare mechanism, to compare with.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void grant(int ruleset, uint64_t handled, const char *path, int is_write)
{
	const uint64_t reading = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
				 LANDLOCK_ACCESS_FS_READ_DIR;
	/* What a file can have: executing, reading, writing, truncating, device requests. */
	const uint64_t of_files = 0x1 | 0x2 | 0x4 | (1u << 14) | (1u << 15);
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	struct stat status;

	if (rule.parent_fd < 0)
		return;
	rule.allowed_access = is_write ? handled : reading;
	if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.allowed_access &= of_files;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		perror(path);
	close(rule.parent_fd);
}

int main(int argc, char **argv)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	struct {
		uint64_t fs, net, scoped;
	} attributes = {0};
	int ruleset;
	int i = 1;

	if (abi < 1)
		return 125;
	attributes.fs = abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi == 2 ? 0x3fff : 0x1fff;
	attributes.net = abi >= 4 ? 3 : 0;
	attributes.scoped = abi >= 6 ? 3 : 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2)
		grant(ruleset, attributes.fs, argv[i + 1], !strcmp(argv[i], "rw"));
	if (ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 || i + 1 >= argc) {
		perror("landlock-only");
		return 125;
	}
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 127;
}
