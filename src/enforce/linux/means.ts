// Which of the kernel's means one plan uses, decided once and read by everything that builds a part
// of the plan or reports on it.

import { pathActions } from "../../model/capability.ts";
import type { AuditLevel, BoxRequest } from "../backend.ts";
import { type HostFeatures, has } from "./features.ts";
import type { NotifiedCalls } from "./filter/seccomp.ts";
import type { SocketPolicy } from "./filter/socket-rules.ts";
import type { Folded } from "./folded.ts";
import { type ByName, grantsEverything, grantsNothing, type NetworkGrants } from "./network.ts";
import type { Opener } from "./opener.ts";
import type { Region } from "./paths/grants.ts";
import type { Hole } from "./paths/holes.ts";
import { covers, everything } from "./paths/shape.ts";
import { isAllPorts } from "./ports.ts";
import type { Protection } from "./protect.ts";

export interface Needs {
  /** Some path action is not granted everywhere. */
  readonly confinesFiles: boolean;
  readonly confinesExec: boolean;
  readonly confinesNetwork: boolean;
  readonly deniesNetwork: boolean;
  readonly connectsAnywhere: boolean;
  /** Connections go through the gateway, which judges them by name. */
  readonly byName: ByName | undefined;
  /**
   * Something written could be executed, so that sealing anonymous memory would take nothing away.
   */
  readonly executesWritten: boolean;
  readonly protection: Protection;
  /** Something of the policy is held by the broker alone, whatever namespaces there are. */
  readonly exceedsKernel: boolean;
  /** Running is forbidden where only the broker could say so. */
  readonly exceedsExec: boolean;
  /** Loaders may be executed, but not as programs. */
  readonly runsLoaders: boolean;
  readonly folded: Folded;
  readonly audit: AuditLevel;
  /** What is open in the box's standard streams lies outside its mounts. */
  readonly inheritsFiles: boolean;
  /** Somebody is asked about what no rule is about. */
  readonly asks: boolean;
}

export interface Means {
  readonly landlock: boolean;
  readonly mounts: boolean;
  readonly pid: boolean;
  readonly net: boolean;
  readonly ipc: boolean;
  readonly notify: boolean;
  /** Sockets are looked at where they are; else the supervisor makes each of them itself. */
  readonly takesSockets: boolean;
  /** Every open and every change of a file is performed by the broker on what it judged. */
  readonly broker: boolean;
  /** Every change of a file that exists is, though the kernel opens. */
  readonly changes: boolean;
  /** It answers nobody who runs what may not be run. */
  readonly verifies: boolean;
  /**
   * The broker is all there is, because a stronger means is missing and less was accepted.
   */
  readonly judgesAll: boolean;
}

export interface Lowering {
  readonly grants: readonly Region[];
  readonly holes: readonly Hole[];
  readonly protection: Protection;
  readonly exceedsKernel: boolean;
  readonly exceedsExec: boolean;
  readonly runsLoaders: boolean;
  readonly folded: Folded;
}

export function needsOf(
  lowering: Lowering,
  network: NetworkGrants,
  {
    audit,
    inheritsFiles = false,
    asks = false,
  }: Pick<BoxRequest, "audit" | "inheritsFiles" | "asks">,
): Needs {
  const { grants, holes, protection, exceedsKernel, exceedsExec, runsLoaders, folded } = lowering;
  const isEverywhere = (action: Region["action"]) =>
    grants.some((grant) => grant.action === action && covers(grant.shape, everything)) &&
    !holes.some((hole) => hole.action === action);
  return {
    confinesFiles: exceedsKernel || !pathActions.every(isEverywhere),
    confinesExec: !isEverywhere("ProcessSpawn"),
    confinesNetwork: !grantsEverything(network),
    deniesNetwork: grantsNothing(network),
    connectsAnywhere: isAllPorts(network.connect) && network.datagrams,
    byName: network.byName,
    executesWritten: grants.some(
      (write) =>
        write.action === "FileWrite" &&
        grants.some(
          (spawn) =>
            spawn.action === "ProcessSpawn" &&
            (covers(spawn.shape, write.shape) || covers(write.shape, spawn.shape)) &&
            !write.except.some((out) => covers(out, spawn.shape)),
        ),
    ),
    protection,
    exceedsKernel,
    exceedsExec,
    runsLoaders,
    folded,
    audit,
    inheritsFiles,
    asks,
  };
}

export function meansFor(needs: Needs, host: HostFeatures, opener: Opener): Means {
  const { protection } = needs;
  const confines = needs.confinesFiles || needs.confinesNetwork;
  const broker = opener === "broker";
  const mounts =
    has(host, "mount namespace") && (needs.confinesFiles || protection.covered.length > 0);
  const landlock = has(host, "landlock") && confines;
  const isUncovered = !mounts && protection.covered.some((guard) => !(broker && guard.brokerHolds));
  const isShort = (needs.confinesFiles && !landlock) || isUncovered;
  const notify = has(host, "notify");
  const takesSockets = has(host, "descriptors");
  return {
    landlock,
    mounts,
    // Without a mount namespace /proc would go on showing the processes outside.
    pid: confines && mounts && has(host, "pid namespace"),
    net:
      (needs.deniesNetwork || (needs.byName !== undefined && notify && takesSockets)) &&
      has(host, "net namespace"),
    ipc: confines && has(host, "ipc namespace"),
    notify,
    takesSockets,
    broker,
    changes: broker || (notify && mounts && landlock && needs.inheritsFiles),
    verifies: broker && (needs.runsLoaders || needs.exceedsExec),
    judgesAll: notify && isShort,
  };
}

const silent: NotifiedCalls = {
  open: "none",
  create: false,
  change: false,
  descriptor: false,
  exec: false,
  socket: false,
  send: false,
};

export function notifiedCalls(needs: Needs, means: Means): NotifiedCalls {
  if (!means.notify) return silent;
  const isAudited = needs.audit !== "off";
  const makesNames = needs.protection.guarded.length > 0;
  const judges = means.judgesAll || means.broker;
  return {
    open: openLevel(needs, means),
    create: isAudited || makesNames || judges,
    change: isAudited || judges || means.changes,
    descriptor: judges || means.changes,
    ...(makesNames || judges ? { umask: true } : {}),
    // A folder that is kept is in use, which nobody sees whose mounts are his own.
    ...((makesNames || judges) && means.mounts ? { folder: true } : {}),
    exec: isAudited || judges,
    // What is read-only but for an answer has to look as if it could be written.
    ...(needs.asks && means.broker && means.mounts ? { writable: true } : {}),
    socket: isAudited || judgesSockets(needs),
    ...(makesSockets(needs, means) ? { makesSockets: true } : {}),
    ...(isAudited ? { refused: true } : {}),
    send:
      (isAudited && (needs.connectsAnywhere || (needs.deniesNetwork && means.net))) ||
      (goesByName(needs, means) && means.takesSockets) ||
      sendsDatagrams(needs, means),
    ...(sendsDatagrams(needs, means) ? { sendConnected: true } : {}),
  };
}

function openLevel(needs: Needs, means: Means): NotifiedCalls["open"] {
  if (means.judgesAll || means.broker || needs.audit === "full") return "all";
  return needs.audit === "writes" || needs.protection.guarded.length > 0 ? "writes" : "none";
}

/**
 * Sockets with a path are files to the policy but not to Landlock below ABI 9; listening without a
 * port is to neither.
 */
export function judgesSockets(needs: Needs): boolean {
  return needs.confinesFiles || needs.confinesNetwork;
}

/** No socket can be taken out of a process: those that are judged are made by the supervisor. */
export function makesSockets(needs: Needs, means: Means): boolean {
  return means.notify && !means.takesSockets && judgesSockets(needs);
}

/**
 * Connections go through the gateway: by its sockets in place of the caller's, or, where none can
 * be taken, by connecting the caller's own.
 */
export function goesByName({ byName }: Needs, means: Means): boolean {
  return byName !== undefined && means.notify;
}

/** Where no socket is taken, those for UDP only receive, and the supervisor sends for them. */
export function sendsDatagrams(needs: Needs, means: Means): boolean {
  const { datagrams = false, asks = false } = needs.byName ?? {};
  return goesByName(needs, means) && !means.takesSockets && (datagrams || asks);
}

export function socketPolicy(needs: Needs, means: Means): SocketPolicy {
  return {
    inet: inetPolicy(needs, means),
    netlinkRoute: needs.connectsAnywhere,
    unixDatagrams: !judgesSockets(needs),
    fastOpen: !judgesSockets(needs),
  };
}

/**
 * A message may name a peer, and memory can change after it was judged. That matters where some
 * socket of the box leads out and takes the name: every socket without a network namespace, with
 * one only those for datagrams. Where no socket is taken those cannot send.
 */
export function sendsMessages(needs: Needs, means: Means): boolean {
  if (!goesByName(needs, means) || !means.takesSockets) return false;
  return !means.net || needs.byName?.datagrams === true || needs.byName?.asks === true;
}

function inetPolicy(needs: Needs, means: Means): SocketPolicy["inet"] {
  if (needs.byName !== undefined) {
    if (!goesByName(needs, means)) return "none";
    if (means.takesSockets) return "by-name";
    return sendsDatagrams(needs, means) ? "tcp-udp" : "tcp";
  }
  // In a network namespace of its own a box reaches itself and nothing else.
  if (needs.deniesNetwork) return means.net ? "own" : "none";
  return needs.connectsAnywhere ? "any" : "tcp";
}
