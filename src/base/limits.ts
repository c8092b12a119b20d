// Every bound of the system with its unit and reason. Native bounds are repeated in native/common/limits.h and kept equal by test/tidy.test.ts.

/** Largest plan the helper reads, bytes: a policy with thousands of rules stays far below. */
export const planSizeMaxBytes = 1 << 20;
/** Longest path anywhere, bytes with the terminating NUL: PATH_MAX of Linux. */
export const pathMaxBytes = 4096;
/** Seccomp programs: BPF_MAXINSNS of Linux. */
export const bpfInstructionsMax = 4096;
/** Largest event payload in canonical form, bytes: tlog entry bundles carry 65,535. */
export const eventSizeMaxBytes = 60_000;
/** Largest policy or manifest file read, bytes. */
export const policySizeMaxBytes = 1 << 20;
/** Events of one ledger transaction: keeps a commit below about 10 ms. */
export const appendBatchMax = 2048;
/** How long equal accesses are merged into one row, milliseconds: also the longest an access waits to become durable. */
export const coalesceWindowMs = 50;
/** Plans kept in the cache; the oldest go first. */
export const cachedPlansMax = 64;
