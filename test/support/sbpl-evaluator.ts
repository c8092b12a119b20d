// Answers what Seatbelt would say to one access under a profile, from the documented semantics: the
// last rule that matches an operation decides; a denial of a single operation beats a later grant
// of its group. Because that second rule can be read in two ways, both readings are answered, and a
// profile is only good when they agree. Independent of the compiler: it knows SBPL text, not
// capabilities.

import { parseSbpl, type Sexp } from "./sbpl-parser.ts";
import { seatbeltRegex } from "./seatbelt-regex.ts";

export type VnodeType =
  | "REGULAR-FILE"
  | "DIRECTORY"
  | "SYMLINK"
  | "SOCKET"
  | "FIFO"
  | "CHARACTER-DEVICE";

/**
 * One thing a process tries. Absent parts: the operation has none, so filters on them do not match.
 */
export interface SbplAccess {
  readonly operation: string;
  readonly path?: string;
  readonly vnode?: VnodeType;
  /** An IP endpoint: `host` is "localhost" for loopback, anything else for elsewhere. */
  readonly endpoint?: {
    readonly side: "remote" | "local";
    /** `tcp` when absent. */
    readonly protocol?: "tcp" | "udp" | "icmp";
    readonly host: string;
    readonly port: number;
  };
  /** A unix socket; its name is `path`. */
  readonly unix?: "remote" | "local";
  /**
   * Mach service, sysctl, shared memory, IOKit class, socket domain or number of a device request.
   */
  readonly name?: string;
}

export interface SbplAnswer {
  readonly allowed: boolean;
  /** Text of the deciding rule's message, "" when it has none. */
  readonly message: string;
}

/** Both readings of "a denial of a single operation beats a later grant of its group". */
export interface SbplAnswers {
  /** Only denials of single operations have that power. */
  readonly documented: SbplAnswer;
  /** Rules for a single operation are looked at first; the group's count only when none matched. */
  readonly hierarchical: SbplAnswer;
}

type Test = (access: SbplAccess) => boolean;

interface Rule {
  readonly allows: boolean;
  readonly operations: readonly string[];
  readonly test: Test;
  readonly message: string;
}

/** A rule and its place in the profile. */
interface Placed {
  readonly at: number;
  readonly rule: Rule;
}

/** Operations as macOS names them, with the groups each belongs to, nearest first. */
const groupsOf: Readonly<Record<string, readonly string[]>> = {
  default: [],
  "file-ioctl": ["file*"],
  "file-map-executable": ["file*"],
  "file-read-data": ["file-read*", "file*"],
  "file-read-metadata": ["file-read*", "file*"],
  "file-read-xattr": ["file-read*", "file*"],
  "file-write-create": ["file-write*", "file*"],
  "file-write-data": ["file-write*", "file*"],
  "file-write-flags": ["file-write*", "file*"],
  "file-write-mode": ["file-write*", "file*"],
  "file-write-owner": ["file-write*", "file*"],
  "file-write-setugid": ["file-write*", "file*"],
  "file-write-times": ["file-write*", "file*"],
  "file-write-unlink": ["file-write*", "file*"],
  "file-write-xattr": ["file-write*", "file*"],
  "file-link": ["file*"],
  "iokit-get-properties": ["iokit*"],
  "iokit-open": ["iokit*"],
  "ipc-posix-sem": ["ipc-posix*", "ipc*"],
  "ipc-posix-shm-read-data": ["ipc-posix-shm*", "ipc-posix*", "ipc*"],
  "ipc-posix-shm-write-create": ["ipc-posix-shm*", "ipc-posix*", "ipc*"],
  "ipc-posix-shm-write-data": ["ipc-posix-shm*", "ipc-posix*", "ipc*"],
  "ipc-posix-shm-write-unlink": ["ipc-posix-shm*", "ipc-posix*", "ipc*"],
  "mach-host*": ["mach*"],
  "mach-lookup": ["mach*"],
  "mach-priv-task-port": ["mach-priv*", "mach*"],
  "network-bind": ["network*"],
  "network-inbound": ["network*"],
  "network-outbound": ["network*"],
  "process-exec*": ["process*"],
  "process-fork": ["process*"],
  "process-info*": ["process*"],
  "pseudo-tty": [],
  signal: [],
  "sysctl-read": ["sysctl*"],
  "sysctl-write": ["sysctl*"],
  "system-socket": ["system*"],
  "user-preference-read": ["user-preference*"],
  "appleevent-send": [],
  lsopen: [],
};
const knownOperations = new Set([...Object.keys(groupsOf), ...Object.values(groupsOf).flat()]);

export class SbplProfile {
  readonly #byOperation = new Map<string, Placed[]>();
  readonly ruleCount: number;

  /** @throws Error when the text is not a profile this evaluator knows every word of */
  constructor(text: string) {
    const [version, ...forms] = parseSbpl(text);
    if (JSON.stringify(version && plain(version)) !== '["version","1"]') {
      throw new Error("a profile starts with (version 1)");
    }
    for (const [at, rule] of forms.map(readRule).entries()) {
      for (const name of rule.operations) {
        const placed = this.#byOperation.get(name) ?? [];
        this.#byOperation.set(name, [...placed, { at, rule }]);
      }
    }
    this.ruleCount = forms.length;
  }

  answer(access: SbplAccess): SbplAnswers {
    const groups = groupsOf[access.operation];
    if (groups === undefined) throw new Error(`unknown operation ${access.operation}`);
    const single = this.#last(access, access.operation);
    const nearest = groups.map((name) => this.#last(access, name));
    const fallback = this.#last(access, "default");
    const latest = [single, ...nearest].reduce((a, b) => ((b?.at ?? -1) > (a?.at ?? -1) ? b : a));
    const documented = single?.rule.allows === false ? single : (latest ?? fallback);
    const hierarchical = single ?? nearest.find((placed) => placed !== undefined) ?? fallback;
    return { documented: toAnswer(documented), hierarchical: toAnswer(hierarchical) };
  }

  /** The common answer of both readings. @throws Error when they differ */
  decide(access: SbplAccess): SbplAnswer {
    const { documented, hierarchical } = this.answer(access);
    if (documented.allowed !== hierarchical.allowed) {
      throw new Error(`the readings of the profile differ on ${JSON.stringify(access)}`);
    }
    return documented;
  }

  #last(access: SbplAccess, name: string): Placed | undefined {
    return this.#byOperation.get(name)?.findLast(({ rule }) => rule.test(access));
  }
}

function toAnswer(placed: Placed | undefined): SbplAnswer {
  if (placed === undefined) throw new Error("a profile needs a default");
  return { allowed: placed.rule.allows, message: placed.rule.message };
}

function readRule(form: Sexp): Rule {
  const [effect, ...rest] = listOf(form);
  const name = effect === undefined ? "" : wordOf(effect);
  if (name !== "allow" && name !== "deny") throw new Error(`unknown form ${name}`);
  const operations: string[] = [];
  const tests: Test[] = [];
  let message = "";
  for (const part of rest) {
    if (part.kind === "symbol") {
      if (tests.length > 0) throw new Error("operations come before filters");
      if (!knownOperations.has(part.text)) throw new Error(`unknown operation ${part.text}`);
      operations.push(part.text);
    } else if (headOf(part) === "with") {
      message = readMessage(part);
    } else {
      tests.push(readFilter(part));
    }
  }
  if (operations.length === 0) throw new Error("a rule without an operation");
  // Filters beside each other are alternatives.
  const test: Test = tests.length === 0 ? () => true : (access) => tests.some((one) => one(access));
  return { allows: name === "allow", operations, test, message };
}

function readMessage(form: Sexp): string {
  const [, modifier, text] = listOf(form);
  if (modifier === undefined || wordOf(modifier) !== "message") throw new Error("unknown modifier");
  return stringOf(text);
}

function readFilter(form: Sexp): Test {
  const [head, ...rest] = listOf(form);
  const name = head === undefined ? "" : wordOf(head);
  switch (name) {
    case "require-all": {
      const tests = rest.map(readFilter);
      return (access) => tests.every((test) => test(access));
    }
    case "require-any": {
      const tests = rest.map(readFilter);
      return (access) => tests.some((test) => test(access));
    }
    case "require-not": {
      const [only, ...more] = rest.map(readFilter);
      if (only === undefined || more.length > 0) throw new Error("require-not takes one filter");
      return (access) => !only(access);
    }
    case "remote":
    case "local":
      return readSocket(name, rest);
    default:
      return readNamed(name, rest);
  }
}

const loopbackHosts = ["localhost", "127.0.0.1", "::1"];

function readSocket(side: "remote" | "local", rest: readonly Sexp[]): Test {
  const [kind, address] = rest;
  const word = kind === undefined ? "" : wordOf(kind);
  if (word === "unix-socket" && address === undefined) return ({ unix }) => unix === side;
  if (!["ip", "tcp", "udp"].includes(word)) throw new Error(`unknown socket filter ${word}`);
  const match = /^(\*|localhost):(\*|[0-9]+)$/.exec(stringOf(address));
  if (match === null) throw new Error(`macOS refuses the address ${stringOf(address)}`);
  const [, host, port] = match;
  return ({ endpoint }) =>
    endpoint?.side === side &&
    (word === "ip" || word === (endpoint.protocol ?? "tcp")) &&
    (host === "*" || loopbackHosts.includes(endpoint.host)) &&
    (port === "*" || endpoint.port === Number(port));
}

function readNamed(name: string, rest: readonly Sexp[]): Test {
  const [value, ...more] = rest;
  if (value === undefined || more.length > 0) throw new Error(`${name} takes one argument`);
  switch (name) {
    case "vnode-type": {
      const wanted = wordOf(value);
      return ({ vnode }) => vnode === wanted;
    }
    case "literal":
      return pathTest(stringOf(value), (path, wanted) => path === wanted);
    case "subpath":
      return pathTest(
        stringOf(value),
        (path, wanted) => path === wanted || path.startsWith(`${wanted}/`),
      );
    case "regex": {
      const matches = seatbeltRegex(stringOf(value));
      return ({ path }) => path !== undefined && matches(path);
    }
    case "global-name":
    case "sysctl-name":
    case "ipc-posix-name":
    case "iokit-registry-entry-class":
    case "preference-domain":
      return (access) => access.name === stringOf(value);
    case "sysctl-name-prefix":
      return (access) => access.name?.startsWith(stringOf(value)) ?? false;
    case "ipc-posix-name-regex": {
      const matches = seatbeltRegex(stringOf(value));
      return (access) => access.name !== undefined && matches(access.name);
    }
    case "extension":
      // No access in the tests holds a token of the kernel.
      return () => false;
    case "target":
    case "socket-domain":
    case "socket-protocol":
    case "ioctl-command":
      return (access) => access.name === wordOf(value);
    default:
      throw new Error(`unknown filter ${name}`);
  }
}

function pathTest(wanted: string, holds: (path: string, wanted: string) => boolean): Test {
  if (!wanted.startsWith("/") || (wanted.length > 1 && wanted.endsWith("/"))) {
    throw new Error(`not a real path: ${wanted}`);
  }
  return ({ path }) => path !== undefined && holds(path, wanted);
}

function listOf(form: Sexp): readonly Sexp[] {
  if (form.kind !== "list") throw new Error(`a list is wanted, not ${form.text}`);
  return form.items;
}

function headOf(form: Sexp): string {
  const [head] = listOf(form);
  return head?.kind === "symbol" ? head.text : "";
}

function wordOf(form: Sexp): string {
  if (form.kind !== "symbol") throw new Error("a symbol is wanted");
  return form.text;
}

function stringOf(form: Sexp | undefined): string {
  if (form?.kind !== "string") throw new Error("a string is wanted");
  // Measured on macOS: longer strings are refused.
  if (Buffer.byteLength(form.text) > 1024) throw new Error("macOS refuses strings this long");
  return form.text;
}

function plain(form: Sexp): unknown {
  return form.kind === "list" ? form.items.map(plain) : form.text;
}
