// Grants to Landlock rules. A rule means its path and everything below, so for each kind of set it
// is either exact, narrower than the grant, or too wide. Too wide is a finding; where a broker
// judges each access as well, the rule is added all the same.

import type { AbsPath } from "../../base/paths.ts";
import { contains, parentOf } from "../../base/paths.ts";
import type { LandlockPlan } from "../../bridge/plan.ts";
import type { PathAction } from "../../model/capability.ts";
import type { Finding } from "./finding.ts";
import type { NetworkGrants } from "./network.ts";
import type { DiskView } from "./paths/disk-view.ts";
import type { Region } from "./paths/grants.ts";
import { covers, type Shape } from "./paths/shape.ts";
import { listPorts } from "./ports.ts";

/** LANDLOCK_ACCESS_FS_*; the ABI that brought each right is in `sinceAbi`. */
export const fsRight = {
  execute: 1n << 0n,
  writeFile: 1n << 1n,
  readFile: 1n << 2n,
  readDir: 1n << 3n,
  removeDir: 1n << 4n,
  removeFile: 1n << 5n,
  makeChar: 1n << 6n,
  makeDir: 1n << 7n,
  makeReg: 1n << 8n,
  makeSock: 1n << 9n,
  makeFifo: 1n << 10n,
  makeBlock: 1n << 11n,
  makeSym: 1n << 12n,
  refer: 1n << 13n,
  truncate: 1n << 14n,
  ioctlDev: 1n << 15n,
  resolveUnix: 1n << 16n,
} as const;

const sinceAbi: readonly (readonly [abi: number, rights: bigint])[] = [
  [1, (1n << 13n) - 1n],
  [2, fsRight.refer],
  [3, fsRight.truncate],
  [5, fsRight.ioctlDev],
  [9, fsRight.resolveUnix],
];

/**
 * All rights an ABI knows. Unknown ones would be refused by the kernel, and handling fewer would
 * leave them open.
 */
export function handledFs(abi: number): bigint {
  return sinceAbi.reduce((all, [since, rights]) => (abi >= since ? all | rights : all), 0n);
}

/** LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and LANDLOCK_SCOPE_SIGNAL. */
export function scopes(abi: number): bigint {
  return abi >= 6 ? 3n : 0n;
}

export interface LandlockPaths {
  /** With a rule for each grant that fits none: only for a box whose broker judges every access. */
  readonly paths: LandlockPlan["paths"];
  /** What those rules are about. */
  readonly widened: readonly Region[];
  readonly findings: readonly Finding[];
}

/**
 * - Exact: everything a grant of a folder says about what is in it, and a grant of a file about it.
 * - Narrower: a granted folder itself cannot be removed or made, because that right belongs to its
 *   parent; a grant on a path that does not exist grants nothing; a program runs only where it may
 *   be read as well; links and renames across folders need writing and deleting on both sides, and
 *   below ABI 2 never work.
 * - Too wide: listing one folder but not those below it, deleting or making one name but not its
 *   neighbours.
 */
export function landlockPaths(
  grants: readonly Region[],
  disk: DiskView,
  abi: number,
): LandlockPaths {
  const access = new Map<AbsPath, bigint>();
  const findings: Finding[] = [];
  const widened: Region[] = [];
  for (const grant of grants) {
    const rights = rightsFor(grant, grants, disk);
    if (typeof rights === "bigint") {
      add(access, grant.shape.path, rights);
      continue;
    }
    findings.push(rights.finding);
    const { around } = rights;
    if (around === undefined) continue;
    add(access, around, directoryRights(grant.action, around));
    widened.push({ ...grant, shape: { kind: "tree", path: around }, isWider: true });
  }
  for (const path of access.keys()) {
    const here: Shape = { kind: "below", path };
    if (grantsAll(grants, "FileWrite", here) && grantsAll(grants, "FileDelete", here)) {
      add(access, path, fsRight.refer);
    }
  }
  const known = handledFs(abi);
  const paths = [...access]
    .map(([path, rights]) => ({ path, access: rights & known, optional: true }))
    .filter((rule) => rule.access !== 0n);
  return { paths: withoutCovered(paths), widened, findings };
}

/**
 * A rule adds nothing where one on a directory above gives as much; each costs the launch three
 * system calls.
 */
function withoutCovered(paths: LandlockPlan["paths"]): LandlockPlan["paths"] {
  return paths.filter(
    ({ path, access }) =>
      !paths.some(
        (other) =>
          other.path !== path && contains(other.path, path) && (access & ~other.access) === 0n,
      ),
  );
}

function add(access: Map<AbsPath, bigint>, path: AbsPath, rights: bigint): void {
  if (rights !== 0n) access.set(path, (access.get(path) ?? 0n) | rights);
}

function grantsAll(grants: readonly Region[], action: PathAction, shape: Shape): boolean {
  return grants.some((grant) => grant.action === action && covers(grant.shape, shape));
}

const writeFileRights = fsRight.writeFile | fsRight.truncate | fsRight.resolveUnix;
const makeRights = fsRight.makeReg | fsRight.makeSym | fsRight.makeFifo | fsRight.makeSock;

/** Rights for the part of a directory's rule each action needs; `ioctl` only where devices live. */
function directoryRights(action: PathAction, path: string): bigint {
  switch (action) {
    case "FileRead":
      return fsRight.readFile;
    case "FileWrite":
      return writeFileRights | makeRights | (mayHoldDevices(path) ? fsRight.ioctlDev : 0n);
    case "FileDelete":
      return fsRight.removeFile | fsRight.removeDir;
    case "DirCreate":
      return fsRight.makeDir;
    case "DirList":
      return fsRight.readDir;
    case "ProcessSpawn":
      return fsRight.execute;
  }
}

function mayHoldDevices(path: string): boolean {
  return contains(path, "/dev") || contains("/dev", path);
}

/** No rule says what the grant says. */
interface Misfit {
  readonly finding: Finding;
  /** The innermost folder that holds all of it; a rule there grants more. */
  readonly around: AbsPath | undefined;
}

function rightsFor(grant: Region, grants: readonly Region[], disk: DiskView): bigint | Misfit {
  const { action, shape } = grant;
  const { kind, missing } = disk.look(shape.path);
  if (kind === "absent") return ofAbsent(grant, grants, parentOf(missing ?? shape.path));
  if (contains("/proc/self", shape.path) || contains("/proc/thread-self", shape.path)) {
    return ofProcessItself(grant, grants);
  }
  if (kind !== "directory") return ofFile(grant, grants, kind);
  if (shape.kind === "tree") return directoryRights(action, shape.path);
  if (shape.kind === "below") {
    // Only listing is about the directory itself; every other right of the rule is about what lies
    // in it.
    if (action !== "DirList" || coveredByOthers(grant, grants)) {
      return directoryRights(action, shape.path);
    }
    return tooWide(grant, shape.path, `listing "${shape.path}" itself would be granted too`);
  }
  return ofOneDirectory(grant, grants);
}

/**
 * A directory named exactly: it cannot be read, written or executed, and exists, so it cannot be
 * made.
 */
function ofOneDirectory(grant: Region, grants: readonly Region[]): bigint | Misfit {
  if (grant.action === "DirList" && !coveredByOthers(grant, grants)) {
    return tooWide(grant, grant.shape.path, "every directory below could be listed too");
  }
  return grant.action === "FileDelete" ? ofDeletion(grant, grants) : 0n;
}

function ofFile(grant: Region, grants: readonly Region[], kind: "file" | "other"): bigint | Misfit {
  if (grant.shape.kind === "below") return 0n;
  switch (grant.action) {
    case "FileRead":
      return fsRight.readFile;
    case "FileWrite":
      return writeFileRights | (kind === "other" ? fsRight.ioctlDev : 0n);
    case "ProcessSpawn":
      return fsRight.execute;
    case "FileDelete":
      // Granting a file with all it takes is common and its removal rarely meant: only naming the
      // one path is a demand.
      return grant.shape.kind === "tree" ? 0n : ofDeletion(grant, grants);
    case "DirCreate":
    case "DirList":
      return 0n;
  }
}

/** A grant of the very path says nothing about its name: only one of a folder above does. */
function ofDeletion(grant: Region, grants: readonly Region[]): bigint | Misfit {
  const above = grants.filter(({ shape }) => shape.path !== grant.shape.path);
  if (coveredByOthers(grant, above)) return 0n;
  const why = "the right to delete belongs to the folder and covers its neighbours";
  return tooWide(grant, parentOf(grant.shape.path), why);
}

/** Nothing is there to attach a rule to. One name could be made only by granting its neighbours. */
function ofAbsent(grant: Region, grants: readonly Region[], folder: AbsPath): bigint | Misfit {
  if (grant.action !== "DirCreate" || grant.shape.kind !== "exact") return 0n;
  if (coveredByOthers(grant, grants)) return 0n;
  const why = "the right to make a folder belongs to its parent and covers any name";
  return tooWide(grant, folder, why);
}

/** A rule would be about the one process that adds it. */
function ofProcessItself(grant: Region, grants: readonly Region[]): bigint | Misfit {
  if (coveredByOthers(grant, grants)) return 0n;
  const finding = {
    origin: grant.origin,
    message: `${grant.action} on "${grant.shape.path}" means another folder for each process`,
    hint: 'grant "/proc": in the box it shows the processes of the box',
    brokerHolds: false,
  };
  return { finding, around: undefined };
}

function coveredByOthers(grant: Region, grants: readonly Region[]): boolean {
  return grants.some(
    (other) =>
      other.action === grant.action &&
      other.shape.kind !== "exact" &&
      (other.shape.kind !== grant.shape.kind || other.shape.path !== grant.shape.path) &&
      covers(other.shape, grant.shape),
  );
}

function tooWide(grant: Region, around: AbsPath, why: string): Misfit {
  const { action, shape } = grant;
  const set = shape.kind === "below" ? `below "${shape.path}" only` : `on exactly "${shape.path}"`;
  const finding = {
    origin: grant.origin,
    message: `${action} ${set} cannot be granted: ${why}`,
    hint: `grant ${action} on a folder and all below it, or leave it out`,
    brokerHolds: true,
  };
  return { finding, around };
}

/** LANDLOCK_ACCESS_NET_*; TCP since ABI 4, UDP since ABI 10. */
export const netRight = {
  bindTcp: 1n << 0n,
  connectTcp: 1n << 1n,
  bindUdp: 1n << 2n,
  connectSendUdp: 1n << 3n,
} as const;

/** More rules than a plan carries; such a set of ports is left to the supervisor alone. */
const portRulesMax = 1024;

/**
 * Port rules behind the seccomp filter and the supervisor, which judge what Landlock does not see.
 */
export function landlockPorts(
  { connect, bind, datagrams }: Pick<NetworkGrants, "connect" | "bind" | "datagrams">,
  abi: number,
): { readonly handled: bigint; readonly ports: LandlockPlan["ports"] } {
  if (abi < 4) return { handled: 0n, ports: [] };
  let handled = 0n;
  const access = new Map<number, bigint>();
  for (const [set, right] of [
    [bind, netRight.bindTcp],
    [connect, netRight.connectTcp],
  ] as const) {
    const ports = listPorts(set, portRulesMax / 2);
    if (ports === undefined) continue;
    handled |= right;
    for (const port of ports) access.set(port, (access.get(port) ?? 0n) | right);
  }
  // UDP sockets only exist where every connection is granted; then sending and picking a port must
  // work.
  if (abi >= 10 && !datagrams) handled |= netRight.bindUdp | netRight.connectSendUdp;
  const ports = [...access].map(([port, rights]) => ({ port, access: rights }));
  return { handled, ports };
}
