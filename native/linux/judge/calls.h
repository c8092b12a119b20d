/* Which argument of which system call is what: the only list of calls the broker understands. */
#ifndef AE_CALLS_H
#define AE_CALLS_H

#include <stddef.h>
#include <stdint.h>

enum call_kind {
	CALL_UNKNOWN,
	CALL_OPEN,
	CALL_OPENAT2,
	CALL_CREAT,
	CALL_EXEC,
	CALL_DELETE,
	CALL_RENAME,
	CALL_LINK,
	CALL_SYMLINK,
	CALL_MKDIR,
	CALL_MKNOD,
	/* Changes an existing object: content size, mode, owner, times, extended attributes. */
	CALL_CHANGE,
	/* Asks what could be done to an object. */
	CALL_ACCESS,
	CALL_SOCKET,
	CALL_SOCKETPAIR,
	CALL_CONNECT,
	CALL_BIND,
	CALL_LISTEN,
	CALL_SENDTO,
	CALL_SENDMSG,
	CALL_SENDMMSG,
	CALL_WRITE,
	CALL_WRITEV,
	/* Let through: the broker only has to know. */
	CALL_CONTEXT,
	CALL_PART,
};

/* What CALL_EXEC and CALL_CHANGE do when the last component of the path is a link. */
enum call_links {
	LINKS_FOLLOW,
	LINKS_KEEP,
	/* AT_SYMLINK_NOFOLLOW in the flags keeps it. */
	LINKS_UNLESS_FLAG,
};

/* Argument numbers; -1: the call has none, for a directory: the current one. */
struct call {
	uint8_t kind;
	uint8_t links;
	int8_t directory;
	int8_t path;
	int8_t flags;
	int8_t mode;
	int8_t directory2;
	int8_t path2;
};

/* NULL for a call that is not in the table. */
const struct call *calls_find(int number);

#endif
