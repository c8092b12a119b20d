// `--read`, `--write`, `--deny`, `--net`, `--deny-net`, `--listen` and `--exec` as capabilities.
// What a flag says is added to the policy; a `--deny` or `--net none` forbids, so nothing in the
// policy brings it back.

import { hasLoneBytes } from "../base/byte-text.ts";
import { absPath } from "../base/paths.ts";
import { err, ok, type Result } from "../base/result.ts";
import {
  type Action,
  type Atom,
  type Capabilities,
  type Capability,
  type Origin,
  pathActions,
} from "../model/capability.ts";
import { type Diagnostic, errorAt } from "./diagnostic.ts";
import { simplifyParts } from "./like.ts";
import { linkTargets, type RealPath, withLink } from "./links.ts";
import { netForms, parseListenRule, parseNetRule } from "./net-rule.ts";
import { sealedProgramsMax, sealPrograms } from "./seal.ts";

export interface PolicyFlags {
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Paths, or patterns with `*`, which stands for any text, slashes included. */
  readonly deny: readonly string[];
  /** `none`, `all`, `unix:PATH` or what `parseNetRule` reads. */
  readonly net: readonly string[];
  /** `all`, `unix:PATH` or what `parseNetRule` reads. */
  readonly denyNet: readonly string[];
  /** What `parseListenRule` reads. */
  readonly listen: readonly string[];
  /** Programs by name or path; any at all seals the list. */
  readonly exec: readonly string[];
}

interface Folders {
  /** What relative paths are relative to. */
  readonly directory: string;
  /** What a leading `~` stands for. */
  readonly home: string;
}

export interface FlagContext extends Folders {
  /**
   * What a path is a link to, undefined when nothing is there: rules are about what links lead to.
   */
  readonly realPath: RealPath;
  /** Every path a program of this name or at this path is at; empty when there is none. */
  readonly findProgram: (name: string) => readonly string[];
}

/** Name of the policy source that stands for the flags. */
export const flagsSource = "flags";

const readActions: readonly Action[] = ["FileRead", "DirList"];
const writeActions: readonly Action[] = [
  "FileRead",
  "FileWrite",
  "FileDelete",
  "DirCreate",
  "DirList",
];
const netActions: readonly Action[] = ["NetConnect", "NetRequest"];
const allNetActions: readonly Action[] = ["NetConnect", "NetBind", "NetRequest"];

export function flagsToCapabilities(
  flags: PolicyFlags,
  context: FlagContext,
): Result<Capabilities, Diagnostic[]> {
  const problems: Diagnostic[] = [];
  const capabilities = [
    ...flags.read.flatMap((text) => pathRule("--read", text, readActions, context, problems)),
    ...flags.write.flatMap((text) => pathRule("--write", text, writeActions, context, problems)),
    ...flags.deny.flatMap((text) =>
      withoutFolders(text).flatMap((spelling) => denyRules(spelling, context, problems)),
    ),
    ...flags.net.flatMap((text) => netRules("--net", text, context, problems)),
    ...flags.denyNet.flatMap((text) => netRules("--deny-net", text, context, problems)),
    ...flags.listen.flatMap((text) => listenRules(text, problems)),
    ...execRules(flags.exec, context, problems),
  ];
  if (flags.net.includes("none") && flags.net.length > 1)
    problems.push(problem("--net", '"--net none" contradicts the other --net flags', "drop one"));
  return problems.length > 0 ? err(problems) : ok({ version: 1, capabilities });
}

function pathRule(
  flag: string,
  text: string,
  actions: readonly Action[],
  context: FlagContext,
  problems: Diagnostic[],
): Capability[] {
  const path = pathOf(text, context);
  if (path === undefined) {
    problems.push(noPath(flag, text, context));
    return [];
  }
  if (path.includes("*") && context.realPath(path) === undefined) {
    const hint = 'grant the folder, or write a policy with resource.path like "..."';
    problems.push(problem(flag, `Cannot read "${flag} ${text}": it takes no patterns`, hint));
    return [];
  }
  return withLink(path, linkTargets(context.realPath)).map((target) =>
    rule("permit", flag, actions, [{ kind: "path-in", path: target, negated: false }]),
  );
}

/**
 * Two stars between slashes stand for any number of folders, as everywhere else, so for none as
 * well. The bound only keeps the number of rules finite; nobody writes as many.
 */
function withoutFolders(text: string, depth = 0): string[] {
  const found = /(?:^|\/)\*\*\//.exec(text);
  if (found === null || depth === 6 || unreadable.test(text)) return [text];
  const after = found.index + found[0].length;
  const head = text.slice(0, after - 3);
  return withoutFolders(text.slice(after), depth + 1).flatMap((rest) => [
    `${head}*/${rest}`,
    ...(head + rest === "" ? [] : [`${head}${rest}`]),
  ]);
}

const unreadable = /[?[\]{}]/;

/** A pattern also covers what lies below anything it matches, as a path does. */
function denyRules(text: string, context: FlagContext, problems: Diagnostic[]): Capability[] {
  const [first = "", ...rest] = text.split("*");
  const path = pathOf(rest.length === 0 ? text : `${first}x`, context);
  if (path === undefined || text === "" || unreadable.test(text) || hasLoneBytes(text)) {
    problems.push(noPath("--deny", text, context));
    return [];
  }
  if (rest.length === 0)
    return withLink(path, linkTargets(context.realPath)).map((target) =>
      rule("forbid", "--deny", pathActions, [{ kind: "path-in", path: target, negated: false }]),
    );
  const parts = simplifyParts([path.slice(0, -1), ...rest]);
  const below = simplifyParts([...parts.slice(0, -1), `${parts.at(-1)}/`, ""]);
  const patterns = parts.at(-1) === "" ? [parts] : [parts, below];
  return patterns.map((pattern) =>
    rule("forbid", "--deny", pathActions, [{ kind: "path-like", parts: pattern, negated: false }]),
  );
}

function netRules(
  flag: "--net" | "--deny-net",
  text: string,
  context: FlagContext,
  problems: Diagnostic[],
): Capability[] {
  const effect = flag === "--net" ? "permit" : "forbid";
  if (text === "none" && effect === "permit") return [rule("forbid", flag, allNetActions, [])];
  if (text === "all") return [rule(effect, flag, allNetActions, [])];
  if (text.startsWith("unix:")) return socketRules(flag, text, context, problems);
  const parsed = parseNetRule(text, effect);
  if (parsed.ok) return parsed.value.map((where) => rule(effect, flag, netActions, where));
  const { message, hint } = parsed.error;
  const words = effect === "permit" ? "none, all, unix:PATH" : "all, unix:PATH";
  const forms = hint.replace(`use ${netForms}`, `use ${words}, ${netForms}`);
  problems.push(problem(flag, `Cannot read "${flag} ${text}": it ${message}`, forms));
  return [];
}

/** Connecting to a socket with a path, and making one, is writing to it. */
function socketRules(
  flag: "--net" | "--deny-net",
  text: string,
  context: FlagContext,
  problems: Diagnostic[],
): Capability[] {
  const path = pathOf(text.slice("unix:".length), context);
  if (path === undefined) {
    problems.push(noPath(flag, text, context));
    return [];
  }
  const effect = flag === "--net" ? "permit" : "forbid";
  return withLink(path, linkTargets(context.realPath)).map((target) =>
    rule(effect, flag, ["FileWrite"], [{ kind: "path-equals", path: target, negated: false }]),
  );
}

function listenRules(text: string, problems: Diagnostic[]): Capability[] {
  const parsed = parseListenRule(text);
  if (parsed.ok) return parsed.value.map((where) => rule("permit", "--listen", ["NetBind"], where));
  const { message, hint } = parsed.error;
  problems.push(problem("--listen", `Cannot read "--listen ${text}": it ${message}`, hint));
  return [];
}

/** Naming a program permits it; naming any forbids every other. */
function execRules(
  names: readonly string[],
  context: FlagContext,
  problems: Diagnostic[],
): readonly Capability[] {
  if (names.length === 0) return [];
  const paths = names.flatMap((name) => programsOf(name, context, problems));
  if (paths.length > sealedProgramsMax) {
    const message = `--exec names ${paths.length} programs: the most is ${sealedProgramsMax}`;
    problems.push(problem("--exec", message));
  }
  const permits = paths.map((path) => {
    const { origin, ...permit } = rule(
      "permit",
      "--exec",
      ["FileRead", "ProcessSpawn"],
      [{ kind: "path-equals", path, negated: false }],
    );
    return { ...permit, origin: { ...origin, rule: `${origin.rule}:listed` } };
  });
  return [...permits, ...sealPrograms(paths, originOf("--exec"))];
}

/** Where the programs of that name are, and what they lead to when those are links. */
function programsOf(name: string, context: FlagContext, problems: Diagnostic[]): string[] {
  if (hasLoneBytes(name)) {
    problems.push(noPath("--exec", name, context));
    return [];
  }
  const found = context.findProgram(name.includes("/") ? (pathOf(name, context) ?? "") : name);
  if (found.length === 0) {
    const hint = "name a program in PATH, or give its path";
    problems.push(
      problem("--exec", `Cannot find "--exec ${name}": there is no such program`, hint),
    );
    return [];
  }
  return found.flatMap((place) => withLink(place, linkTargets(context.realPath)));
}

/** The path that a flag names; undefined for what is none. */
export function pathOf(text: string, context: Folders): string | undefined {
  const whole = wholePath(text, context);
  return text === "" || isUnfilled(text) || hasLoneBytes(whole) ? undefined : absPath(whole);
}

function wholePath(text: string, { directory, home }: Folders): string {
  if (text === "~" || text.startsWith("~/")) return `${home}${text.slice(1)}`;
  return text.startsWith("/") ? text : `${directory}/${text}`;
}

/** A variable that no shell filled in, or a folder as policies write it: hardly ever a name. */
function isUnfilled(text: string): boolean {
  return text.startsWith("$");
}

/** Bytes that are no UTF-8 reach us as a mark: a rule with it would be about another name. */
function noPath(flag: string, text: string, context: FlagContext): Diagnostic {
  const refused = `Cannot read "${flag} ${text}": it`;
  if (hasLoneBytes(wholePath(text, context))) {
    const hint = "name the folder it lies in, or for --deny a pattern with * for these bytes";
    return problem(flag, `${refused} has bytes that are no text`, hint);
  }
  if (isUnfilled(text.replace(/^unix:/, ""))) {
    const hint =
      'write "NAME" for a path in the folder, "~/NAME" for one at home, "./$..." for a name';
    return problem(flag, `${refused} starts with a "$" that no shell filled in`, hint);
  }
  if (flag !== "--deny") return problem(flag, `${refused} is no path`);
  const hint = 'use a path, or a pattern in which "*" stands for any text';
  return problem(flag, `${refused} is no path or pattern`, hint);
}

function rule(
  effect: Capability["effect"],
  flag: string,
  actions: readonly Action[],
  where: readonly Atom[],
): Capability {
  return { effect, actions, agent: undefined, where, origin: originOf(flag) };
}

function originOf(flag: string): Origin {
  return { rule: `flag:${flag}`, source: flagsSource, line: 0, column: 0 };
}

function problem(flag: string, message: string, hint = ""): Diagnostic {
  return errorAt(originOf(flag), message, hint);
}
