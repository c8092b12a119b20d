// Everything a policy means for Linux, decided here: pure, given what the host offers and what the
// disk looks like. The parts are in the files imported; this one puts them together.

import { assert, err, ok, type Result } from "../../base/result.ts";
import type { BoxPlan } from "../../bridge/encode-plan.ts";
import type { LandlockPlan, MadeSockets, NativePlan, NotifyPlan } from "../../bridge/plan.ts";
import type { Capabilities, Capability } from "../../model/capability.ts";
import type { Coverage } from "../../model/coverage.ts";
import type { BoxRequest } from "../backend.ts";
import { ownPathRules, permitEverything } from "./built-in.ts";
import { judgedRules, namesFile, networkRules } from "./by-name.ts";
import { coverageOf, observedCoverage } from "./coverage.ts";
import { type HostFeatures, has } from "./features.ts";
import { buildFilter, notifiesAny } from "./filter/seccomp.ts";
import type { Finding } from "./finding.ts";
import { foldedPlaces } from "./folded.ts";
import { type RuleSource, ruleTable } from "./judge-rules.ts";
import { handledFs, landlockPaths, landlockPorts, scopes } from "./landlock.ts";
import {
  goesByName,
  judgesSockets,
  type Lowering,
  type Means,
  makesSockets,
  meansFor,
  type Needs,
  needsOf,
  notifiedCalls,
  sendsMessages,
  socketPolicy,
} from "./means.ts";
import { planMounts } from "./mounts.ts";
import { type NetworkGrants, networkGrants } from "./network.ts";
import { type Opener, openerFor } from "./opener.ts";
import type { DiskView } from "./paths/disk-view.ts";
import { absentGrants, type Region, type Regions, regionsOf } from "./paths/grants.ts";
import { lower } from "./paths/holes.ts";
import { readsByOtherNames } from "./paths/linked.ts";
import { loadersFor } from "./paths/loaders.ts";
import { mayShow } from "./paths/shown.ts";
import { protect } from "./protect.ts";
import { temporaryOf } from "./temporary.ts";

export interface LinuxPlan {
  readonly plan: BoxPlan;
  readonly coverage: Coverage;
  /** By index of `plan.rules`. */
  readonly sources: readonly RuleSource[];
  /** No rule is against showing a file of `request.shownFolder` to a launch. */
  readonly mayShow: boolean;
  /** What the gateway judges connections by; undefined: there is no gateway. */
  readonly network: Capabilities | undefined;
  /** Where programs of the box are to keep temporary files; undefined: nowhere in particular. */
  readonly temporary: string | undefined;
}

export function planLinux(
  request: BoxRequest,
  host: HostFeatures,
  disk: DiskView,
): Result<LinuxPlan, readonly Finding[]> {
  if (request.observeOnly) return ok(observe(request, host, disk));
  const temporary = temporaryOf(request, concerning(request), host, disk);
  const { capabilities } = temporary;
  const regions = regionsOf(capabilities, disk);
  const { lowering, opener, findings } = hold(regions, request, host, disk);
  const network = networkGrants(capabilities, request.asks === true && has(host, "notify"));
  if (findings.length > 0) return err(findings);
  const folded = foldedPlaces(lowering, regions.bans, disk);
  const needs = needsOf({ ...lowering, folded }, network, request);
  const means = meansFor(needs, host, opener);
  const besides = means.mounts ? lowering.protection.besides : [];
  const table = judgedRules([...capabilities, ...besides], needs, means, disk);
  const notified = notifiedCalls(needs, means);
  const mounts = means.mounts
    ? [
        ...planMounts(
          {
            grants: lowering.grants,
            covers: lowering.protection.steps,
            temporary,
            hasPidNamespace: means.pid,
          },
          disk,
        ),
        ...(needs.byName !== undefined && means.net ? namesFile(disk) : []),
      ]
    : [];
  const plan: BoxPlan = {
    namespaces: namespacesFor(means, host),
    mounts,
    landlock: means.landlock ? landlockPlan(lowering, network, means, host) : undefined,
    seccomp: buildFilter({
      arch: host.arch,
      confine: true,
      notify: notified,
      sockets: socketPolicy(needs, means),
      sealMemfds: needs.confinesExec && !needs.executesWritten,
      sharesProcesses: !means.pid,
      sharesSignals: !means.landlock || host.landlockAbi < 6,
      sharesIpc: !means.ipc,
    }),
    notify: notifiesAny(notified) ? notifyPlan(needs, means, request) : undefined,
    rules: table.rules,
    rlimits: [noCores],
    umask: undefined,
  };
  return ok({
    plan,
    coverage: coverageOf(needs, means, temporary, host),
    sources: table.sources,
    mayShow: mayShow(request, regions),
    network: goesByName(needs, means) ? networkRules(capabilities) : undefined,
    temporary: temporary.folder,
  });
}

/** A core file would carry the box's memory to wherever the host's pattern says. */
const noCores = { resource: 4, soft: 0n, hard: 0n } as const;

/** True when the box needs the folder that its request has for temporary files. */
export function needsOwnFolder(request: BoxRequest, host: HostFeatures, disk: DiskView): boolean {
  return !request.observeOnly && temporaryOf(request, concerning(request), host, disk).isOwn;
}

function concerning(request: BoxRequest): Capability[] {
  const named = request.capabilities.capabilities.filter(
    ({ agent }) => agent === undefined || agent === request.agent,
  );
  return [...named, ...ownPathRules(request.ownPaths)];
}

function namespacesFor(means: Means, host: HostFeatures): NativePlan["namespaces"] {
  const { mounts: mount, pid, net, ipc } = means;
  return { user: !host.isRoot && (mount || pid || net || ipc), mount, pid, net, ipc };
}

function notifyPlan(needs: Needs, means: Means, request: BoxRequest): NotifyPlan {
  const notified = notifiedCalls(needs, means);
  const brokerOpen = means.broker || means.judgesAll;
  const brokerCreate = brokerOpen || needs.protection.guarded.length > 0;
  return {
    recordAllowed: request.audit !== "off",
    brokerCreate,
    brokerSocket: judgesSockets(needs),
    brokerOpen,
    brokerMessages: sendsMessages(needs, means),
    verifyPrograms: means.verifies,
    ...(request.hashPrograms === true ? { hashPrograms: true } : {}),
    ...(means.takesSockets ? {} : { makesSockets: true }),
    ...(notified.refused === true ? { tellsRefused: true } : {}),
    ...(makesSockets(needs, means) ? { makes: madeSockets(needs, means) } : {}),
    ...(brokerCreate ? { tellsUmasks: true } : {}),
    ...(notified.folder === true ? { tellsFolders: true } : {}),
    ...(means.changes && !brokerOpen ? { brokerChange: true } : {}),
  };
}

function madeSockets(needs: Needs, means: Means): MadeSockets {
  const { inet, netlinkRoute } = socketPolicy(needs, means);
  return {
    tcp: inet !== "none",
    udp: inet === "tcp-udp" || inet === "any",
    others: inet === "any",
    netlink: netlinkRoute,
  };
}

/** File rules with what becomes of them, whoever opens. */
interface Held extends Omit<Lowering, "folded"> {
  readonly landlockPaths: LandlockPlan["paths"];
}

interface Holding {
  readonly lowering: Held;
  readonly opener: Opener;
  /** What neither the kernel nor the broker holds. */
  readonly findings: readonly Finding[];
}

/** The file rules by the kernel's own means, and where those fall short by the broker's. */
function hold(
  regions: Regions,
  { audit, asks = false }: BoxRequest,
  host: HostFeatures,
  disk: DiskView,
): Holding {
  const byKernel = lowerFiles(regions, host, disk);
  const { findings, lowering } = byKernel;
  // Forbids can cut a grant down to a part that is not there.
  const grantsAbsent = regions.absent.length + absentGrants(lowering.grants, disk).length > 0;
  const opener = openerFor(
    {
      findings,
      protection: lowering.protection,
      grantsAbsent,
      audit,
      asks,
      readsByOtherNames: () => readsByOtherNames(regions.bans, disk),
    },
    host,
  );
  if (opener === "kernel") return { lowering, opener, findings };
  const byBroker = grantsAbsent ? lowerFiles(widened(regions), host, disk, absentGrants) : byKernel;
  const held = byBroker.findings.filter(({ brokerHolds }) => brokerHolds === true);
  return {
    lowering: {
      ...byBroker.lowering,
      exceedsKernel: grantsAbsent || held.length > 0,
      exceedsExec: held.some(({ isRunning }) => isRunning === true),
    },
    opener,
    findings: byBroker.findings.filter(({ brokerHolds }) => brokerHolds !== true),
  };
}

function widened(regions: Regions): Regions {
  return { ...regions, grants: [...regions.grants, ...regions.absent] };
}

/** @param alsoGranted what a broker can hold beyond what is lowered */
function lowerFiles(
  regions: Regions,
  host: HostFeatures,
  disk: DiskView,
  alsoGranted: (grants: readonly Region[], disk: DiskView) => readonly Region[] = () => [],
): { readonly lowering: Held; readonly findings: readonly Finding[] } {
  const byRules = lower(regions);
  const lowered = {
    ...byRules,
    grants: [...byRules.grants, ...alsoGranted(byRules.grants, disk)],
  };
  const protection = protect(lowered.holes, lowered.grants, disk);
  const loaders = loadersFor(lowered.grants, disk);
  const executable = [...lowered.grants, ...loaders.regions];
  const landlock = landlockPaths(executable, disk, host.landlockAbi);
  const { grants, holes } = lowered;
  // Without Landlock that is what is missing, and said so.
  const misfits = has(host, "landlock") ? landlock.findings : [];
  return {
    lowering: {
      grants: [...grants, ...landlock.widened],
      holes,
      protection,
      landlockPaths: landlock.paths,
      exceedsKernel: false,
      exceedsExec: false,
      runsLoaders: loaders.regions.length > 0,
    },
    findings: [...lowered.findings, ...protection.findings, ...loaders.findings, ...misfits],
  };
}

function landlockPlan(
  { landlockPaths }: Held,
  network: NetworkGrants,
  means: Means,
  host: HostFeatures,
): LandlockPlan {
  const abi = host.landlockAbi;
  // In a network namespace of its own the box may use its loopback at any port.
  const net = means.net ? { handled: 0n, ports: [] } : landlockPorts(network, abi);
  return {
    handledFs: handledFs(abi),
    handledNet: net.handled,
    scoped: scopes(abi),
    paths: landlockPaths,
    ports: net.ports,
  };
}

/** Nothing is confined; the filter only tells. */
function observe(
  { recordFailed = false }: BoxRequest,
  host: HostFeatures,
  disk: DiskView,
): LinuxPlan {
  const table = ruleTable([permitEverything()], disk, false);
  assert(table.rules.length === 1, "watching has the one rule that permits everything");
  const isHeard = has(host, "notify");
  const none = { user: false, mount: false, pid: false, net: false, ipc: false };
  const plan: BoxPlan = {
    namespaces: none,
    mounts: [],
    landlock: undefined,
    seccomp: buildFilter({
      arch: host.arch,
      confine: false,
      notify: {
        open: isHeard ? "all" : "none",
        create: isHeard,
        change: isHeard,
        descriptor: false,
        exec: isHeard,
        socket: isHeard,
        send: isHeard,
        refused: isHeard,
      },
      sockets: { inet: "unrestricted", netlinkRoute: true, unixDatagrams: true, fastOpen: true },
      sealMemfds: false,
      sharesProcesses: true,
      sharesSignals: true,
      sharesIpc: true,
    }),
    notify: isHeard
      ? {
          recordAllowed: true,
          brokerCreate: false,
          brokerSocket: false,
          brokerOpen: false,
          brokerMessages: false,
          recordFailed,
          verifyPrograms: false,
          ...(has(host, "descriptors") ? {} : { makesSockets: true }),
        }
      : undefined,
    rules: table.rules,
    rlimits: [],
    umask: undefined,
  };
  return {
    plan,
    coverage: observedCoverage(host),
    sources: table.sources,
    mayShow: false,
    network: undefined,
    temporary: undefined,
  };
}
