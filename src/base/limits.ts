// Every bound of the system with its unit and reason. Native bounds are repeated in
// native/common/limits.h and kept equal by test/tidy.test.ts.

/**
 * Largest plan the helper reads, bytes: what Linux takes as a command, 6 MiB with the pointers to
 * its words, and a policy with thousands of rules.
 */
export const planSizeMaxBytes = 1 << 23;
/** Longest path anywhere, bytes with the terminating NUL: PATH_MAX of Linux. */
export const pathMaxBytes = 4096;
/** Longest argument or variable, bytes with the terminating NUL: MAX_ARG_STRLEN of Linux. */
export const wordMaxBytes = 131_072;
/** Arguments, and variables: of one byte and its pointer each, what Linux takes by default. */
export const wordsMax = 262_144;
/** Seccomp programs: BPF_MAXINSNS of Linux. */
export const bpfInstructionsMax = 4096;
/** Largest event payload in canonical form, bytes: tlog entry bundles carry 65,535. */
export const eventSizeMaxBytes = 60_000;
/** Of an event that a client of the control plane sends. */
export const foreignEventSizeMaxBytes = 4 * 1024 * 1024;
/** Bytes of clients' events that are read at once, of however many; one of them is always read. */
export const eventPageMaxBytes = 8 * 1024 * 1024;
/** Of the arguments that a person is to decide about, as JSON. */
export const approvalArgsMaxBytes = 1024 * 1024;
/** Largest policy or manifest file read, bytes. */
export const policySizeMaxBytes = 1 << 20;
/** Rules one policy may become when written out; a kernel plan holds 8,192 in all. */
export const policyClausesMax = 1024;
/** Brackets within brackets in one policy: Cedar's engine breaks for good beyond about 100. */
export const policyNestingMax = 50;
/** Operators in one policy: Cedar's engine breaks for good beyond about 1,500 in a row. */
export const policyOperatorsMax = 1000;
/** Longest id of a rule, characters: it stands in every row of the ledger the rule decides. */
export const ruleIdMaxLength = 128;
/** Submodules looked at for hooks to protect. */
export const submodulesMax = 256;
/** How deep submodules may nest, folders in their names included. */
export const submoduleDepthMax = 8;
/** Events of one ledger transaction: keeps a commit below about 10 ms. */
export const appendBatchMax = 2048;
/**
 * How long equal accesses are merged into one row, milliseconds: also the longest an access waits
 * to become durable.
 */
export const coalesceWindowMs = 50;
/** A box's own list of its denials, bytes; some 4,000 lines. The ledger goes on without a bound. */
export const deniedLogMaxBytes = 1 << 20;
/**
 * When what a killed launch left may be removed, milliseconds: until then its process id may be in
 * use again.
 */
export const leftoverAgeMinMs = 24 * 3600 * 1000;
/**
 * Different changes a replay lists; further ones are counted. Keeps its memory below some 10 MB.
 */
export const replayChangesMax = 10_000;
/** New questions of a box that are put to a person, each second; the rest is denied. */
export const asksPerSecondMax = 10;
/** Questions that may wait for a person at once; the rest is denied. */
export const asksWaitingMax = 64;
/** How long a question waits for its answer, milliseconds; then it is no. */
export const askTimeoutMs = 10 * 60 * 1000;
/** How often a control plane is asked whether somebody has answered, milliseconds. */
export const askPollMs = 500;
/** How long a question stays when its caller has left, milliseconds: a signal brings it back. */
export const askWithdrawnMs = 500;
/** Keys pressed before a question stood there this long, milliseconds, are not its answer. */
export const askGuardMs = 300;
/** How often a terminal is looked at for a key, milliseconds, while a question stands there. */
export const askLookMs = 40;
/** Days a folder for temporary files is kept that no box has used; caches are of use until then. */
export const temporaryKeptDays = 14;
/** Days between two looks for such folders. */
export const temporaryLookDays = 1;
/** Most names removed from them by one launch, which waits for that; the next one goes on. */
export const temporaryNamesAtOnce = 2000;
/** Plans kept in the cache; the oldest go first. */
export const cachedPlansMax = 64;
/**
 * Nesting of a JSON value that is hashed or accepted: real payloads stay below 10, and recursion
 * stays off the stack's end.
 */
export const jsonDepthMax = 64;
/** Events a session may append before the ledger signs a checkpoint on its own. */
export const signEveryEvents = 8192;
/** How often a server looks whether there is something to sign, milliseconds. */
export const signEveryMs = 60_000;
/** How long a server that ends waits for its last signature, milliseconds. */
export const lastSignMs = 5000;
/**
 * Write-ahead log of the ledger, bytes: a launch leaves its part there, and the next one reads it
 * all, so it is kept short. Beyond it, the log is folded into the database after an
 * append.
 */
export const walSizeMaxBytes = 1 << 20;
/**
 * The same while many clients append, as to a server: folding stops all of them, and pages that
 * change with every append are folded once for all.
 */
export const sharedWalSizeMaxBytes = 16 << 20;
/**
 * How long an append waits for other processes writing to the same ledger, milliseconds. One that
 * records what has been done already waits on, and says so.
 */
export const ledgerLockWaitMs = 5000;
/**
 * How long a write may take before what is recorded waits for it, milliseconds: until then it only
 * waits when a whole transaction has come together.
 */
export const lateWriteMs = 1000;
/** Events read at once by verify, export and reports: bounds memory at about 1 MiB. */
export const ledgerPageSize = 2000;
/** Events or records copied at once into another store: those of clients can have 4 MiB each. */
export const copyPageSize = 64;
/** Longest string in a Seatbelt profile, bytes: macOS refuses the profile at about 1,025. */
export const sbplStringMaxBytes = 1000;
/**
 * Filters of one Seatbelt profile: compiling one takes the kernel's compiler noticeably long above
 * some thousands.
 */
export const sbplFiltersMax = 4000;
/**
 * Seatbelt profile, bytes: it travels as one argument and macOS has 1 MiB for all arguments and the
 * environment.
 */
export const sbplProfileMaxBytes = 256 * 1024;
/** Ports one rule may list one by one in a Seatbelt profile, which knows no ranges. */
export const sbplPortsMax = 64;
/** Names the resolver may have given addresses to: bounds memory at about 20 MiB. */
export const syntheticNamesMax = 65_535;
/** Connections through the gateway at once: each takes two descriptors of aegis itself. */
export const gatewayConnectionsMax = 1024;
/** Connections that have not said yet who they are: anybody on the machine can open one. */
export const gatewayStrangersMax = 128;
/** How long a connection may take to say who it is and what it wants, milliseconds. */
export const gatewayGreetingMs = 10_000;
/** How long a name may take to resolve, milliseconds. */
export const resolveTimeoutMs = 10_000;
/** How long one address may take to answer, milliseconds; Linux itself gives up after 127 s. */
export const dialTimeoutMs = 30_000;
/** How long the next address of a name waits for the one before, milliseconds (RFC 8305). */
export const dialStaggerMs = 250;
/** Addresses of one name that are tried. */
export const dialAddressesMax = 8;
/** Head of an HTTP request, bytes: servers take 8 to 64 KiB. */
export const httpHeadMaxBytes = 64 * 1024;
/** Header fields of an HTTP request. */
export const httpFieldsMax = 200;
/** TLS ClientHello, bytes: those with post-quantum keys have about 2 KiB. */
export const tlsHelloMaxBytes = 64 * 1024;
/** First bytes of a stream looked at to tell what it speaks. */
export const sniffMaxBytes = 8192;
/**
 * How long a client may be silent before its first bytes pass although they do not tell what it
 * speaks, milliseconds: it may be waiting for an answer to them.
 */
export const sniffSilenceMs = 200;
/** How long first bytes that must not pass yet may take to tell, milliseconds. */
export const sniffTotalMs = 10_000;
/** Directions of connections that have a process to move them; each has a pipe of 256 KiB. */
export const movesMax = 32;
/**
 * What one direction copies before a process is started to move the rest, bytes: beyond it the
 * start, some milliseconds, is lost in the transfer.
 */
export const bulkAfterBytes = 2 << 20;
/** DNS message over UDP, bytes, and over TCP. */
export const dnsMessageMaxBytes = 4096;
/** How long a client that was refused may take to read why, milliseconds. */
export const relayLingerMs = 5000;
/** Longest secret put into requests, bytes: it has to fit into one header field. */
export const secretMaxBytes = 8192;
/** A file of secrets, bytes: of passwords for many databases, or of many keys. */
export const secretFileMaxBytes = 1 << 20;
/** How long a program may take to print a secret, milliseconds: it may ask its user. */
export const secretCommandMs = 60_000;
/** File of traces, bytes: then a new one is begun, and one such file is kept. */
export const traceFileMaxBytes = 64 << 20;
/** Sessions whose state a server keeps in memory; those asked for longest ago go first. */
export const liveStatesMax = 2000;
/** Characters in these states: names in them are as long as callers like. */
export const liveStatesSizeMax = 32 << 20;
/** Sessions that are added up behind the back of clients, and characters in their states. */
export const followedStatesMax = 500;
export const followedStatesSizeMax = 8 << 20;
/** Body of a request to the control plane, bytes: a batch of ordinary events has some 500 KiB. */
export const requestBodyMaxBytes = 8 * 1024 * 1024;
/** Of bodies, bytes: read or sealed at a stretch, before whatever else waits has its turn. */
export const bodyTurnBytes = 64 * 1024;
/** How long such a body may take to come, milliseconds. */
export const requestBodyMs = 30_000;
/** What is still taken of a body that is too large, bytes, before the client is told. */
export const refusedBodyMaxBytes = 64 << 20;
/** And for how long, milliseconds. */
export const refusedBodyMs = 1000;
/** A file with a tool policy, bytes; ours has 340 KiB. */
export const bundleFileMaxBytes = 16 << 20;
/** The same unpacked: a small file may hold gigabytes of zeros. */
export const bundleContentMaxBytes = 64 << 20;
/** Files in it. */
export const bundleEntriesMax = 1000;
/** How long a tool policy of one's own may think about one call, milliseconds. */
export const regoDeadlineMs = 1000;
/** How long a call may wait for others to be decided, milliseconds; then it is denied. */
export const regoWaitMs = 5000;
/** Calls that wait to be decided by a tool policy of one's own; beyond, they are denied. */
export const regoQueueMax = 1024;
