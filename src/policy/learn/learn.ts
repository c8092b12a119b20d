// The smallest policy that would have allowed what was seen. Exact paths, and folders only where a
// kernel rule on exact paths cannot do what the program did: names that come and go have no rule to
// be, and listing cannot be granted without what lies below. What is forbidden for good
// (credentials, protected names) is never granted, nor is a folder that holds credentials. Pure:
// the accesses come from a box, which may have chosen their names.

import { hasLoneBytes } from "../../base/byte-text.ts";
import { type AbsPath, absPath, contains, parentOf } from "../../base/paths.ts";
import type { Action, Capabilities, Origin, PathAction } from "../../model/capability.ts";
import { pathActions } from "../../model/capability.ts";
import { prepareDecider } from "../decide.ts";
import { socketGrant } from "../grant.ts";
import { socketsSource } from "../layers.ts";
import { closeUnderMoves, collapseReads } from "./folders.ts";
import { type ExactGrant, type FolderGrant, GrantSet, selfAndAbove } from "./grants.ts";
import { type Endpoint, learnNetwork } from "./network.ts";
import { isVain, type SeenAccess, type SeenPath } from "./seen.ts";

export interface LearnContext {
  readonly agent: string;
  /**
   * What every launch has anyway: the base profile's permits, and every forbid that no policy
   * lifts.
   */
  readonly standing: Capabilities;
  readonly home: string;
  /** True when the file was there before the program started. */
  readonly wasThere: (path: string) => boolean;
}

export interface NotGranted {
  readonly action: Action;
  /** Path, or `host:port`. */
  readonly resource: string;
  readonly reason: string;
}

/** A grant with its path as a policy names it, `$tmp/x` for instance. */
type Named<Grant> = Omit<Grant, "path"> & { readonly path: string };

export interface Learned {
  readonly exact: readonly Named<ExactGrant>[];
  readonly folders: readonly (Named<FolderGrant> & {
    /** How many different paths in it were seen with this action. */
    readonly seen: number;
  })[];
  readonly endpoints: readonly Endpoint[];
  /** For a person to decide. */
  readonly notGranted: readonly NotGranted[];
  readonly observed: {
    readonly accesses: number;
    /** Different pairs of action and resource. */
    readonly distinct: number;
    /** Of those, left to the base profile. */
    readonly ofBase: number;
  };
}

export function learn(seen: readonly SeenAccess[], context: LearnContext): Learned {
  const sorted = sortOut(seen, context);
  const made = madeNames(sorted.paths, context);
  const grants = new GrantSet();
  for (const access of sorted.paths) grantOne(grants, access, made);
  closeUnderMoves(grants, sorted.paths, (path) => anchorOf(path, made) ?? parentOf(path));
  const isClosed = (folder: string) => secretIn(folder, context) !== undefined;
  collapseReads(grants, (folder) => folder === context.home || isClosed(folder));
  const folders = grants.folders();
  const open = folders.filter(({ path }) => !isClosed(path));
  const closed = folders.filter(({ path }) => isClosed(path));
  const network = learnNetwork(sorted.network);
  return {
    exact: grants.exact(),
    folders: open.map((grant) => ({ ...grant, seen: seenIn(sorted.paths, grant) })),
    endpoints: network,
    notGranted: [
      ...sorted.notGranted,
      ...closed.map(({ action, path, reason }) => ({
        action,
        resource: path,
        reason: `it ${reason}, and the folder ${secretIn(path, context)}`,
      })),
    ],
    observed: sorted.observed,
  };
}

interface SortedOut {
  readonly paths: readonly SeenPath[];
  readonly network: readonly SeenAccess[];
  readonly notGranted: readonly NotGranted[];
  readonly observed: Learned["observed"];
}

function sortOut(seen: readonly SeenAccess[], context: LearnContext): SortedOut {
  const decider = prepareDecider(context.standing);
  const paths: SeenPath[] = [];
  const network: SeenAccess[] = [];
  const notGranted = new Map<string, NotGranted>();
  const distinct = new Map<string, boolean>();
  const consider = (access: SeenAccess): void => {
    const { action, path, host, port } = access;
    const resource = port === undefined ? path : `${host ?? path}:${port}`;
    const protocol = access.protocol === "dns" ? "udp" : access.protocol;
    const key = `${action}\0${resource}\0${port === undefined ? "" : access.protocol}`;
    const attempt = { action, agent: context.agent, resource: { path, host, port, protocol } };
    const { outcome, rule } = decider.decide(attempt);
    distinct.set(key, outcome === "allow");
    if (outcome === "allow") return;
    const problem = rule === undefined ? problemOf(access) : forbiddenBy(rule, access);
    if (problem !== undefined) notGranted.set(key, { action, resource, reason: problem });
    else if (port !== undefined) network.push(access);
    else if (isOnPath(access)) paths.push(access);
  };
  for (const access of [...seen, ...readsOf(seen), ...programsOf(seen)]) consider(access);
  const verdicts = [...distinct.values()];
  return {
    paths,
    network,
    notGranted: [...notGranted.values()],
    observed: {
      accesses: seen.reduce((all, { count }) => all + count, 0),
      distinct: verdicts.length,
      ofBase: verdicts.filter((isBase) => isBase).length,
    },
  };
}

function isOnPath(access: SeenAccess): access is SeenPath {
  return (
    pathActions.some((action) => action === access.action) && absPath(access.path) === access.path
  );
}

/** A flag of the run may open what no policy does. */
function forbiddenBy({ rule, source }: Origin, { action, path }: SeenAccess): string {
  const isOpened = source === socketsSource && action === "FileWrite";
  return `forbidden by ${rule}${isOpened ? `, which ${socketGrant(path)} lifts` : ""}`;
}

/** Why a policy cannot name this resource. */
function problemOf({ action, path, port }: SeenAccess): string | undefined {
  if (port !== undefined) return undefined;
  if (!pathActions.some((known) => known === action)) return "no kernel decides it";
  if (path.endsWith(" (deleted)")) return "the file had lost its name";
  if (absPath(path) !== path) return "it has no path";
  if (hasLoneBytes(path)) return "its name is no text, so that no policy can write it";
  if (/^\/proc\/\d+(\/|$)/.test(path)) return "it is another file for each process";
  return path === "/" && action !== "DirList" ? "it is the whole disk" : undefined;
}

/** Opening to read and write is one row, of writing; both were judged. */
function* readsOf(seen: readonly SeenAccess[]): Iterable<SeenAccess> {
  for (const access of seen)
    if (access.action === "FileWrite" && /\bO_RDWR\b/.test(access.flags) && !isVain(access))
      yield { ...access, action: "FileRead", count: 0 };
}

/**
 * An interpreter named in a script has no row of its own, but it is the program of the rows after
 * it. What runs must be readable too.
 */
function* programsOf(seen: readonly SeenAccess[]): Iterable<SeenAccess> {
  const programs = new Set(seen.map(({ exe }) => exe).filter((exe) => absPath(exe) === exe));
  for (const { action, path } of seen) if (action === "ProcessSpawn") programs.add(path);
  for (const path of programs) {
    if (path.endsWith(" (deleted)")) continue;
    const common = { path, host: undefined, port: undefined, exe: "", flags: "", count: 0 };
    yield { ...common, action: "ProcessSpawn" };
    yield { ...common, action: "FileRead" };
  }
}

/** Names that were not there when the program started, as far as that can be known. */
function madeNames(seen: readonly SeenPath[], { wasThere }: LearnContext): ReadonlySet<AbsPath> {
  const made = new Set<AbsPath>();
  for (const access of seen) {
    if (!isMaking(access)) continue;
    const mayHaveBeen = access.action === "FileWrite" && /\bO_CREAT\b/.test(access.flags);
    if (!mayHaveBeen || !wasThere(access.path)) made.add(access.path);
  }
  return made;
}

function isMaking(access: SeenPath): boolean {
  const { action, flags } = access;
  if (isVain(access)) return false;
  if (action === "DirCreate") return true;
  return (
    action === "FileWrite" && /^(rename|link|symlink|mknod|bind)|O_CREAT|O_TMPFILE/.test(flags)
  );
}

/** The folder in which the first name on the way to `path` was made. */
function anchorOf(path: AbsPath, made: ReadonlySet<AbsPath>): AbsPath | undefined {
  let outermost: AbsPath | undefined;
  for (const place of selfAndAbove(path)) if (made.has(place)) outermost = place;
  return outermost === undefined ? undefined : parentOf(outermost);
}

function grantOne(grants: GrantSet, access: SeenPath, made: ReadonlySet<AbsPath>): void {
  const { action, path } = access;
  const anchor = anchorOf(path, made);
  if (anchor !== undefined) {
    grants.addFolder({ path: anchor, action, reason: reasonsForMade[action] });
  } else if (action === "DirList") {
    grants.addFolder({ path, action, reason: "lists it, and a kernel grants that with all below" });
  } else if (action === "FileDelete") {
    const reason = "removes names there, a right that belongs to the folder";
    grants.addFolder({ path: parentOf(path), action, reason });
  } else if (action === "DirCreate") {
    // Failed, so nothing was made.
    grants.addFolder({ path: parentOf(path), action, reason: reasonsForMade[action] });
  } else grants.addExact(path, action);
}

const reasonsForMade: Readonly<Record<PathAction, string>> = {
  FileRead: "reads files it made there",
  FileWrite: "makes files there, whose names are no rule's before they are",
  FileDelete: "removes names it made there",
  DirCreate: "makes folders there",
  DirList: "lists folders it made there",
  ProcessSpawn: "runs programs it made there",
};

/** A clause about what must not be granted with the folder, undefined when there is nothing. */
function secretIn(folder: string, { standing }: LearnContext): string | undefined {
  if (folder === "/") return "is the whole disk";
  for (const { effect, actions, where, origin } of standing.capabilities) {
    if (effect !== "forbid" || !actions.includes("FileRead")) continue;
    const inside = where.some(
      (atom) => atom.kind === "path-in" && !atom.negated && contains(folder, atom.path),
    );
    if (inside) return `holds what ${origin.rule} protects`;
  }
  return undefined;
}

function seenIn(seen: readonly SeenPath[], { path, action }: FolderGrant): number {
  const inside = seen.filter((each) => each.action === action && contains(path, each.path));
  return new Set(inside.map((each) => each.path)).size;
}
