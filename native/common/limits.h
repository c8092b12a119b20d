/*
 * Every bound of the helper with its unit and reason. Those that src/base/limits.ts also names have
 * the same value there; test/tidy.test.ts compares them.
 */
#ifndef AE_LIMITS_H
#define AE_LIMITS_H

/* Largest plan, bytes: what Linux takes as a command, 6 MiB with the pointers to its words, and
 * what aegis says beside it. */
#define AE_PLAN_SIZE_MAX (1u << 23)
/* Longest path, bytes with the terminating NUL: PATH_MAX of Linux. */
#define AE_PATH_MAX 4096u
/* Longest file name, bytes with the terminating NUL: NAME_MAX + 1. */
#define AE_NAME_MAX 256u
/* Seccomp instructions: BPF_MAXINSNS of Linux. */
#define AE_BPF_MAX 4096u

/* Records of one kind: native/README.md. */
#define AE_RLIMITS_MAX 16u
#define AE_MOUNTS_MAX 4096u
#define AE_LANDLOCK_PATHS_MAX 8192u
#define AE_LANDLOCK_PORTS_MAX 1024u
#define AE_RULES_MAX 8192u
/* Of one byte and its pointer each, in the 2 MiB that Linux takes of a stack of the usual size. */
#define AE_ARGUMENTS_MAX 262144u
#define AE_ENVIRONMENT_MAX 262144u
/* Longest argument or variable with the terminating NUL: MAX_ARG_STRLEN of Linux. */
#define AE_WORD_MAX 131072u

/* Largest value of a limit, whatever its unit: sums of two stay far from wrapping. */
#define AE_LIMIT_MAX (1ull << 60)
/* Bytes of frames gathered before they are written in one call. */
#define AE_FRAMES_FLUSH 32768u
/* Oldest a gathered frame gets, milliseconds. */
#define AE_FRAMES_DELAY_MS 5
/* Largest program whose content is put on record, bytes: a second or so of reading. */
#define AE_DIGEST_SIZE_MAX (256 << 20)
/* Symbolic links followed in one path: MAXSYMLINKS of Linux. */
#define AE_LINKS_MAX 40
/* How long is believed what is kept of a thread by its number, milliseconds: far below a wrap of
 * the pid counter. */
#define AE_THREAD_TTL_MS 20

#endif
