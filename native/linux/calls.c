/*
 * One row per call. x86-64 has the old forms without a directory argument as well; arm64 only has
 * the newer ones.
 */
#include "calls.h"

#include "uapi.h"

enum { NONE = -1 };

/* kind, links, directory, path, flags, mode, directory2, path2 */
static const struct call table[] = {
	[SYS_openat] = {CALL_OPEN, LINKS_FOLLOW, 0, 1, 2, 3, NONE, NONE},
	[SYS_openat2] = {CALL_OPENAT2, LINKS_FOLLOW, 0, 1, NONE, NONE, NONE, NONE},
	[SYS_execve] = {CALL_EXEC, LINKS_FOLLOW, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_execveat] = {CALL_EXEC, LINKS_UNLESS_FLAG, 0, 1, 4, NONE, NONE, NONE},
	[SYS_truncate] = {CALL_CHANGE, LINKS_FOLLOW, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_unlinkat] = {CALL_DELETE, LINKS_KEEP, 0, 1, 2, NONE, NONE, NONE},
	[SYS_renameat2] = {CALL_RENAME, LINKS_KEEP, 0, 1, 4, NONE, 2, 3},
	[SYS_linkat] = {CALL_LINK, LINKS_KEEP, 0, 1, 4, NONE, 2, 3},
	[SYS_symlinkat] = {CALL_SYMLINK, LINKS_KEEP, 1, 2, NONE, NONE, NONE, 0},
	[SYS_mkdirat] = {CALL_MKDIR, LINKS_KEEP, 0, 1, NONE, 2, NONE, NONE},
	[SYS_mknodat] = {CALL_MKNOD, LINKS_KEEP, 0, 1, NONE, 2, NONE, NONE},
	[SYS_fchmodat] = {CALL_CHANGE, LINKS_FOLLOW, 0, 1, NONE, NONE, NONE, NONE},
	[SYS_fchmodat2] = {CALL_CHANGE, LINKS_UNLESS_FLAG, 0, 1, 3, NONE, NONE, NONE},
	[SYS_fchownat] = {CALL_CHANGE, LINKS_UNLESS_FLAG, 0, 1, 4, NONE, NONE, NONE},
	[SYS_utimensat] = {CALL_CHANGE, LINKS_UNLESS_FLAG, 0, 1, 3, NONE, NONE, NONE},
	[SYS_faccessat] = {CALL_ACCESS, LINKS_FOLLOW, 0, 1, NONE, 2, NONE, NONE},
	[SYS_faccessat2] = {CALL_ACCESS, LINKS_UNLESS_FLAG, 0, 1, 3, 2, NONE, NONE},
	/* By descriptor. */
	[SYS_fchmod] = {CALL_CHANGE, LINKS_FOLLOW, 0, NONE, NONE, NONE, NONE, NONE},
	[SYS_fchown] = {CALL_CHANGE, LINKS_FOLLOW, 0, NONE, NONE, NONE, NONE, NONE},
	[SYS_fsetxattr] = {CALL_CHANGE, LINKS_FOLLOW, 0, NONE, NONE, NONE, NONE, NONE},
	[SYS_fremovexattr] = {CALL_CHANGE, LINKS_FOLLOW, 0, NONE, NONE, NONE, NONE, NONE},
	[SYS_setxattr] = {CALL_CHANGE, LINKS_FOLLOW, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_lsetxattr] = {CALL_CHANGE, LINKS_KEEP, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_removexattr] = {CALL_CHANGE, LINKS_FOLLOW, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_lremovexattr] = {CALL_CHANGE, LINKS_KEEP, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_setxattrat] = {CALL_CHANGE, LINKS_UNLESS_FLAG, 0, 1, 2, NONE, NONE, NONE},
	[SYS_removexattrat] = {CALL_CHANGE, LINKS_UNLESS_FLAG, 0, 1, 2, NONE, NONE, NONE},
	[SYS_socket] = {CALL_SOCKET, LINKS_FOLLOW, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_socketpair] = {CALL_SOCKETPAIR, LINKS_FOLLOW, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_connect] = {CALL_CONNECT, LINKS_FOLLOW, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_bind] = {CALL_BIND, LINKS_KEEP, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_listen] = {CALL_LISTEN, LINKS_KEEP, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_sendto] = {CALL_SENDTO, LINKS_FOLLOW, NONE, NONE, 3, NONE, NONE, NONE},
	[SYS_sendmsg] = {CALL_SENDMSG, LINKS_FOLLOW, NONE, NONE, 2, NONE, NONE, NONE},
	[SYS_sendmmsg] = {CALL_SENDMMSG, LINKS_FOLLOW, NONE, NONE, 3, NONE, NONE, NONE},
	[SYS_write] = {CALL_WRITE, LINKS_FOLLOW, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_writev] = {CALL_WRITEV, LINKS_FOLLOW, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_umask] = {CALL_UMASK, LINKS_FOLLOW, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_clone] = {CALL_PART, LINKS_FOLLOW, NONE, NONE, NONE, NONE, NONE, NONE},
	[SYS_unshare] = {CALL_PART, LINKS_FOLLOW, NONE, NONE, NONE, NONE, NONE, NONE},
#ifdef SYS_renameat
	[SYS_renameat] = {CALL_RENAME, LINKS_KEEP, 0, 1, NONE, NONE, 2, 3},
#endif
#ifdef SYS_open
	[SYS_open] = {CALL_OPEN, LINKS_FOLLOW, NONE, 0, 1, 2, NONE, NONE},
	[SYS_creat] = {CALL_CREAT, LINKS_FOLLOW, NONE, 0, NONE, 1, NONE, NONE},
	[SYS_access] = {CALL_ACCESS, LINKS_FOLLOW, NONE, 0, NONE, 1, NONE, NONE},
	[SYS_unlink] = {CALL_DELETE, LINKS_KEEP, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_rmdir] = {CALL_DELETE, LINKS_KEEP, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_rename] = {CALL_RENAME, LINKS_KEEP, NONE, 0, NONE, NONE, NONE, 1},
	[SYS_link] = {CALL_LINK, LINKS_KEEP, NONE, 0, NONE, NONE, NONE, 1},
	[SYS_symlink] = {CALL_SYMLINK, LINKS_KEEP, NONE, 1, NONE, NONE, NONE, 0},
	[SYS_mkdir] = {CALL_MKDIR, LINKS_KEEP, NONE, 0, NONE, 1, NONE, NONE},
	[SYS_mknod] = {CALL_MKNOD, LINKS_KEEP, NONE, 0, NONE, 1, NONE, NONE},
	[SYS_chmod] = {CALL_CHANGE, LINKS_FOLLOW, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_chown] = {CALL_CHANGE, LINKS_FOLLOW, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_lchown] = {CALL_CHANGE, LINKS_KEEP, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_utime] = {CALL_CHANGE, LINKS_FOLLOW, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_utimes] = {CALL_CHANGE, LINKS_FOLLOW, NONE, 0, NONE, NONE, NONE, NONE},
	[SYS_futimesat] = {CALL_CHANGE, LINKS_FOLLOW, 0, 1, NONE, NONE, NONE, NONE},
#endif
};

const struct call *calls_find(int number)
{
	if (number < 0 || (size_t)number >= sizeof(table) / sizeof(*table))
		return NULL;
	return table[number].kind == CALL_UNKNOWN ? NULL : &table[number];
}
