/*
 * The plan as the helper uses it. plan_parse is the only reader of the format in native/README.md;
 * what it accepts is within every bound, in order, and free of trailing bytes. All pointers lead
 * into memory owned by the plan.
 */
#ifndef AE_PLAN_H
#define AE_PLAN_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bit numbers of actions, in rules and in access frames. */
enum action {
	ACTION_FILE_READ,
	ACTION_FILE_WRITE,
	ACTION_FILE_DELETE,
	ACTION_DIR_CREATE,
	ACTION_DIR_LIST,
	ACTION_PROCESS_SPAWN,
	ACTION_NET_CONNECT,
	ACTION_NET_BIND,
	ACTION_COUNT,
};

enum plan_step {
	STEP_READ_ONLY_ROOT = 1,
	STEP_WRITABLE,
	STEP_READ_ONLY,
	STEP_MASK_DIRECTORY,
	STEP_MASK_FILE,
	STEP_TMPFS,
	STEP_PROC,
	STEP_SHOW,
	/* A resolv.conf that names the box's own loopback, over a file. */
	STEP_NAMES,
	/* As STEP_WRITABLE, but what is changed goes to `upper`. */
	STEP_OVERLAY,
};

enum plan_notify {
	NOTIFY_RECORD_ALLOWED = 1,
	NOTIFY_BROKER_CREATE = 2,
	NOTIFY_BROKER_SOCKET = 4,
	/* Needs NOTIFY_BROKER_CREATE: what a path means must not change but by the broker. */
	NOTIFY_BROKER_OPEN = 8,
	NOTIFY_BROKER_MESSAGES = 16,
	NOTIFY_RECORD_FAILED = 32,
	/* Needs NOTIFY_BROKER_OPEN: nobody gets an answer who runs what may not be run. */
	NOTIFY_VERIFY_PROGRAMS = 64,
	/* Rows of programs say what is in them. */
	NOTIFY_HASH_PROGRAMS = 128,
	/* No descriptor can be taken out of a process: the listener is handed over, and where the
	 * broker performs socket calls it makes the sockets. */
	NOTIFY_MAKES_SOCKETS = 256,
	/* Whatever gives a thread another umask is notified. */
	NOTIFY_TELLS_UMASKS = 512,
	/* Changes of what exists are performed, though opens are not. */
	NOTIFY_BROKER_CHANGE = 1024,
	/* What internet sockets are made, and for what is asked of the kernel, where the broker
	 * makes them; any other is refused. Sockets with a path always are. */
	NOTIFY_MAKES_TCP = 2048,
	NOTIFY_MAKES_UDP = 4096,
	/* Other protocols of the internet. */
	NOTIFY_MAKES_OTHERS = 8192,
	NOTIFY_MAKES_NETLINK = 16384,
	/* What the filter refuses is notified, to be told of and refused. */
	NOTIFY_TELLS_REFUSED = 32768,
	/* Whatever gives a thread another current directory is notified. */
	NOTIFY_TELLS_FOLDERS = 65536,
	NOTIFY_MAKES =
		NOTIFY_MAKES_TCP | NOTIFY_MAKES_UDP | NOTIFY_MAKES_OTHERS | NOTIFY_MAKES_NETLINK,
};

/* Size of the secret that proves a connection to the gateway to be the box's. */
enum { GATEWAY_TOKEN_SIZE = 32 };

enum atom_kind {
	ATOM_PATH_IN = 1,
	ATOM_PATH_EQUALS,
	ATOM_PATH_LIKE,
	ATOM_HOST_EQUALS,
	ATOM_HOST_LIKE,
	ATOM_PORT,
	ATOM_HOST_CIDR,
	ATOM_PROTOCOL,
};

enum port_op { PORT_EQ, PORT_LT, PORT_LE, PORT_GT, PORT_GE };

/*
 * `text` is not terminated; in a `like` the literal parts are joined by NUL. Of a range of
 * addresses it is the bytes of the plan: 4 or 6, number of bits, address; of a protocol its number
 * in IP.
 */
struct plan_atom {
	uint8_t kind;
	bool negated;
	uint8_t port_op;
	uint16_t port;
	uint16_t size;
	const char *text;
};

struct plan_rule {
	uint16_t actions;
	bool permit;
	/* A permit only for calls that fail by themselves, because there is no such file. */
	bool only_failing;
	uint8_t atom_count;
	const struct plan_atom *atoms;
	/* Permits only what stays in the box's own network namespace. */
	bool inside;
};

struct plan_rlimit {
	uint32_t resource;
	uint64_t soft;
	uint64_t hard;
};

/* Numbers of the limits, in the plan and in frames. */
enum plan_limit_kind {
	LIMIT_MEMORY = 1, /* bytes */
	LIMIT_PROCESSES,  /* threads are counted */
	LIMIT_CPU,	  /* ms of all processes together */
	LIMIT_TIME,	  /* ms */
	LIMIT_FILES,	  /* open in one process */
	LIMIT_FILE_SIZE,  /* bytes of one file */
	LIMIT_OUTPUT,	  /* bytes on standard output and error together */
	LIMIT_COUNT,
};

/* Who holds a limit. */
enum plan_limit_means {
	BY_RLIMIT = 1,
	BY_SUPERVISOR = 2,
	BY_CGROUP = 4,
};

/* `means` is 0 where there is no such limit. */
struct plan_limit {
	uint64_t value;
	uint16_t means;
};

struct plan_mount {
	enum plan_step step;
	uint16_t mode;
	bool optional;
	uint64_t size;
	const char *path;
	/* Of STEP_OVERLAY; else NULL. */
	const char *upper;
	const char *work;
};

struct plan_landlock_path {
	uint64_t access;
	bool optional;
	const char *path;
};

struct plan_landlock_port {
	uint64_t access;
	uint16_t port;
};

/* Where connections by name go: ports of the host's loopback. */
struct plan_gateway {
	uint16_t port;
	uint16_t resolver_port;
	unsigned char token[GATEWAY_TOKEN_SIZE];
};

struct plan {
	uint32_t namespaces;
	struct plan_rlimit *rlimits;
	size_t rlimit_count;
	bool has_umask;
	uint32_t umask;
	struct plan_mount *mounts;
	size_t mount_count;
	bool has_landlock;
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
	struct plan_landlock_path *landlock_paths;
	size_t landlock_path_count;
	struct plan_landlock_port *landlock_ports;
	size_t landlock_port_count;
	struct sock_filter *filter;
	size_t filter_size;
	bool has_notify;
	uint32_t notify;
	struct plan_rule *rules;
	size_t rule_count;
	const char *directory;
	const char *program;
	char **arguments;
	size_t argument_count;
	char **environment;
	size_t environment_count;
	/* What no rule is about is asked for. */
	bool asks;
	bool has_gateway;
	struct plan_gateway gateway;
	struct plan_limit limits[LIMIT_COUNT];
	/* Directory of the cgroup the command is born in; NULL for none. */
	const char *cgroup;
	/* One allocation that everything above lies in. */
	void *memory;
};

/*
 * 0, or -errno with *why set to a static sentence. -EINVAL: not a plan of this version; -E2BIG:
 * beyond a bound; -ENOMEM. On success plan_free gives it back.
 */
int plan_parse(const unsigned char *data, size_t size, struct plan *plan, const char **why);
void plan_free(struct plan *plan);
/* True when the box confines nothing: every action is permitted, and nothing but the audit is set
 * up. */
bool plan_only_watches(const struct plan *plan);
/* No descriptor can be taken out of a process. */
bool plan_makes_sockets(const struct plan *plan);

#endif
