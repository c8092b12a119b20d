// The only writer and escaper of Seatbelt profile text (SBPL, version 1): rules as data in, text
// out. What the rules mean is decided in plan.ts and its neighbours. Paths and rule names in here
// come from policies, so every string is quoted, measured and refused when SBPL cannot hold it;
// nothing is cut short or left out.

import { sbplFiltersMax, sbplProfileMaxBytes, sbplStringMaxBytes } from "../../base/limits.ts";
import { assert, err, ok, type Result } from "../../base/result.ts";

/** Filters whose one argument is a quoted string. */
type QuotedFilter =
  | "literal"
  | "subpath"
  | "regex"
  | "extension"
  | "global-name"
  | "sysctl-name"
  | "sysctl-name-prefix"
  | "ipc-posix-name"
  | "ipc-posix-name-regex"
  | "iokit-registry-entry-class"
  | "preference-domain";

/** Filters whose one argument is a bare word or number. */
type WordFilter = "vnode-type" | "target" | "socket-domain" | "socket-protocol" | "ioctl-command";

/**
 * A test on one operation. `always` and `never` are folded away by `all`, `any` and `not`.
 * `endpoint`: an IP address; Seatbelt knows no host but `localhost` and `*`. `unix`: any unix
 * socket.
 */
export type Filter =
  | { readonly kind: "always" }
  | { readonly kind: "never" }
  | { readonly kind: "quoted"; readonly name: QuotedFilter; readonly value: string }
  | { readonly kind: "word"; readonly name: WordFilter; readonly value: string }
  | {
      readonly kind: "endpoint";
      readonly side: "remote" | "local";
      /** `ip` is every protocol. */
      readonly protocol: "ip" | "tcp" | "udp";
      readonly host: "*" | "localhost";
      /** `gateway`: the port of the one launch's gateway. */
      readonly port: number | "*" | "gateway";
    }
  | { readonly kind: "unix"; readonly side: "remote" | "local" }
  | { readonly kind: "all" | "any"; readonly of: readonly Filter[] }
  | { readonly kind: "not"; readonly of: Filter };

export interface SbplRule {
  readonly effect: "allow" | "deny";
  readonly operations: readonly string[];
  readonly filter: Filter;
  /** Number that comes back in the log line of a denial; undefined: no message. */
  readonly message: number | undefined;
  /** Shown above the rule, reduced to printable ASCII; "" for none. */
  readonly comment: string;
}

/**
 * Text whose pieces are joined by the tag of one launch, so that no path can be mistaken for the
 * place of the tag.
 */
export interface ProfileText {
  readonly pieces: readonly string[];
}

/**
 * Why a rule cannot be written. `rule` is its index, undefined when the whole profile is at fault.
 */
export interface SbplProblem {
  readonly rule: number | undefined;
  readonly message: string;
}

export const always: Filter = { kind: "always" };
export const never: Filter = { kind: "never" };

export function literal(path: string): Filter {
  return { kind: "quoted", name: "literal", value: path };
}

export function subpath(path: string): Filter {
  return path === "/" ? always : { kind: "quoted", name: "subpath", value: path };
}

export function regex(source: string): Filter {
  return { kind: "quoted", name: "regex", value: source };
}

export const isDirectory: Filter = { kind: "word", name: "vnode-type", value: "DIRECTORY" };

export function all(...of: readonly Filter[]): Filter {
  return join("all", of);
}

export function any(...of: readonly Filter[]): Filter {
  return join("any", of);
}

export function not(of: Filter): Filter {
  if (of.kind === "always") return never;
  if (of.kind === "never") return always;
  return of.kind === "not" ? of.of : { kind: "not", of };
}

function join(kind: "all" | "any", of: readonly Filter[]): Filter {
  const [neutral, absorbing] = kind === "all" ? [always, never] : [never, always];
  const kept: Filter[] = [];
  for (const filter of of) {
    if (filter.kind === absorbing.kind) return absorbing;
    if (filter.kind === kind) kept.push(...filter.of);
    else if (filter.kind !== neutral.kind) kept.push(filter);
  }
  const [first] = kept;
  if (first === undefined) return neutral;
  return kept.length === 1 ? first : { kind, of: kept };
}

/**
 * Writes the whole profile, or says everything that cannot be written. Rules that can never match
 * are left out.
 */
export function writeProfile(
  rules: readonly SbplRule[],
): Result<ProfileText, readonly SbplProblem[]> {
  const problems: SbplProblem[] = [];
  const pieces: string[] = [];
  let open = "(version 1)\n";
  let filterCount = 0;
  for (const [index, rule] of rules.entries()) {
    if (rule.filter.kind === "never") continue;
    const writer = new RuleWriter(index, problems);
    open += writer.head(rule);
    if (rule.message !== undefined) {
      pieces.push(`${open}\n  (with message "${rule.message}.`);
      open = '")';
    }
    open += ")\n";
    filterCount += writer.filterCount;
  }
  pieces.push(open);
  if (filterCount > sbplFiltersMax) {
    const message = `it has ${filterCount} filters, at most ${sbplFiltersMax} are accepted`;
    problems.push({ rule: undefined, message });
  }
  const size = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
  if (size > sbplProfileMaxBytes) {
    const message = `it has ${size} bytes, at most ${sbplProfileMaxBytes} are accepted`;
    problems.push({ rule: undefined, message });
  }
  return problems.length === 0 ? ok({ pieces }) : err(problems);
}

/** The profile with one more rule at its end, where it decides. */
export function withLastRule(profile: ProfileText, rule: SbplRule): ProfileText {
  const problems: SbplProblem[] = [];
  const text = `${new RuleWriter(0, problems).head(rule)})\n`;
  assert(problems.length === 0 && rule.message === undefined, "a rule of our own can be written");
  const pieces = [...profile.pieces];
  return { pieces: [...pieces.slice(0, -1), `${pieces.at(-1) ?? ""}${text}`] };
}

/**
 * The text for one launch. `tag` is letters and digits; `gateway` is the port of its gateway, for a
 * profile that leads there.
 */
export function renderProfile(
  profile: ProfileText,
  tag: string,
  gateway?: number | "PORT",
): string {
  const text = profile.pieces.join(tag);
  if (!text.includes(portHole)) return text;
  assert(gateway !== undefined, "a profile that leads to a gateway is rendered with its port");
  return text.replaceAll(portHole, String(gateway));
}

/** Where the gateway's port goes: no path or comment has this character in a profile. */
const portHole = "\0";

class RuleWriter {
  readonly #rule: number;
  readonly #problems: SbplProblem[];
  filterCount = 0;

  constructor(rule: number, problems: SbplProblem[]) {
    this.#rule = rule;
    this.#problems = problems;
  }

  /** The rule without its message and closing parenthesis. */
  head(rule: SbplRule): string {
    const comment = rule.comment === "" ? "" : `; ${printable(rule.comment)}\n`;
    const names = rule.operations.map((name) => this.#word(name));
    const operations = names.join(names.length > 3 ? "\n  " : " ");
    const filters = rule.filter.kind === "any" ? rule.filter.of : [rule.filter];
    const lines = filters
      .filter((filter) => filter.kind !== "always")
      .map((filter) => `\n  ${this.#filter(filter)}`);
    return `${comment}(${rule.effect} ${operations}${lines.join("")}`;
  }

  #filter(filter: Filter): string {
    switch (filter.kind) {
      case "all":
        return this.#group("require-all", filter.of);
      case "any":
        return this.#group("require-any", filter.of);
      case "not":
        return this.#group("require-not", [filter.of]);
      default:
        this.filterCount += 1;
        return this.#leaf(filter);
    }
  }

  #group(name: string, of: readonly Filter[]): string {
    return `(${name} ${of.map((filter) => this.#filter(filter)).join(" ")})`;
  }

  #leaf(filter: Exclude<Filter, { kind: "all" | "any" | "not" }>): string {
    switch (filter.kind) {
      case "quoted":
        return `(${filter.name} ${this.#quote(filter.value)})`;
      case "word":
        return `(${filter.name} ${this.#word(filter.value)})`;
      case "endpoint": {
        const port = filter.port === "gateway" ? portHole : filter.port;
        return `(${filter.side} ${filter.protocol} "${filter.host}:${port}")`;
      }
      case "unix":
        return `(${filter.side} unix-socket)`;
      case "always":
      case "never":
        throw new Error(`broken invariant: ${filter.kind} was not folded away`);
    }
  }

  /**
   * A Scheme string: only backslash and quote are special, every other character stands for itself.
   */
  #quote(text: string): string {
    const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
    if (text === "") this.#refuse("an empty string");
    else if (text.includes("\0")) this.#refuse("a string with a NUL character");
    else if (!text.isWellFormed()) this.#refuse("a string that is not valid Unicode");
    else if (Buffer.byteLength(escaped) > sbplStringMaxBytes) {
      const size = Buffer.byteLength(escaped);
      this.#refuse(`a string of ${size} bytes, at most ${sbplStringMaxBytes} are accepted`);
    }
    return `"${escaped}"`;
  }

  #word(text: string): string {
    if (!/^(#x[0-9a-f]+|[A-Za-z0-9][A-Za-z0-9_-]*\*?)$/.test(text)) {
      throw new Error(`broken invariant: ${JSON.stringify(text)} is no SBPL word`);
    }
    return text;
  }

  #refuse(what: string): void {
    this.#problems.push({ rule: this.#rule, message: `it needs ${what}` });
  }
}

/**
 * A comment ends at a line break, so rule names from policies are reduced to one printable line.
 */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 120);
}
