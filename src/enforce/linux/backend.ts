// The Linux backend: launches commands in boxes that were prepared, now or for an earlier launch.
// All decisions are in plan.ts; all processes are the bridge's.

import { AegisError } from "../../base/errors.ts";
import { assert } from "../../base/result.ts";
import { appendCommand, hasOwnNetwork, makesSockets, showFile } from "../../bridge/encode-plan.ts";
import type { FailedFrame, Frame } from "../../bridge/frame.ts";
import { type Helper, type HelperExit, loadHelper, spawnHelper } from "../../bridge/helper.ts";
import { withOverlays } from "../../bridge/overlay-plan.ts";
import { startPump } from "../../bridge/pump.ts";
import type {
  Backend,
  BoxAccess,
  BoxExit,
  BoxFailure,
  BoxLaunch,
  BoxOverlay,
  BoxRefusal,
} from "../backend.ts";
import { isAllowedRead, refusalOf, rowMaker } from "./access.ts";
import { shownSource } from "./built-in.ts";
import { holdLinuxLimits } from "./hold-limits.ts";
import { fsRight } from "./landlock.ts";
import { overlayPlaces } from "./overlays.ts";
import { type KeptBox, unpackBox } from "./prepared.ts";

/** @param helperDirectory of this user alone; used only where memory files may not be executed */
export function createLinuxBackend(helperDirectory: string): Backend {
  let loading: Promise<Helper> | undefined;
  let loaded: Helper | undefined;
  const load = async (): Promise<Helper> => {
    loaded = await loadHelper(helperDirectory);
    return loaded;
  };
  const helper = () => {
    loading ??= load();
    return loading;
  };
  return {
    startMove: (source, sink) => loaded && startPump(loaded, source, sink),
    async prepare(request) {
      const asked = [helper(), Promise.resolve(request)] as const;
      // Whoever awaits them is told; here they are only kept from counting as nobody's.
      for (const each of asked) each.catch(() => undefined);
      const { prepareLinux } = await import("./prepare.ts");
      return prepareLinux(...asked);
    },
    // Only where something was missing: it costs a start of the helper.
    isCurrent: async ({ lacking }) => {
      if (lacking === undefined) return true;
      const { lackingNow } = await import("./prepare.ts");
      return (await lackingNow(await helper())) === lacking;
    },
    holdLimits(box, limits) {
      return holdLinuxLimits(unpackBox(box.bytes).plan, limits);
    },
    overlayPlaces: (box) => overlayPlaces(unpackBox(box.bytes).plan),
    async launch(
      box,
      { limits, onLimit, onRefused, onAsked, overlays, ...command },
      record,
      start,
    ) {
      if (box.network !== undefined && command.gateway === undefined) throw withoutGateway();
      const { kept, environment } = withShown(withLayers(unpackBox(box.bytes), overlays), command);
      const running = spawnHelper(await helper(), {
        ...(command.stdoutToStderr ? { stdout: 2 } : {}),
        ...(start === undefined ? {} : { start }),
        plan: appendCommand(kept.plan, {
          ...command,
          environment: asksNamesByStream(kept.plan, command.gateway)
            ? withStreamResolver(environment)
            : environment,
          ...(limits === undefined ? {} : { limits: limits.plan }),
          asks: onAsked !== undefined,
        }),
        ...(onAsked === undefined ? {} : { onAsked }),
        onFrames: frameTaker(kept, { onLimit, onRefused }, record),
      });
      return {
        exited: running.exited.then(exitOf),
        kill: (signal) => running.kill(signal),
      };
    },
  };
}

function frameTaker(
  kept: KeptBox,
  { onLimit, onRefused }: { [Key in "onLimit" | "onRefused"]: BoxLaunch[Key] | undefined },
  record: Parameters<Backend["launch"]>[2],
): (frames: readonly Frame[]) => void | Promise<void> {
  const toRow = rowMaker(kept);
  return (frames) => {
    const rows: BoxAccess[] = [];
    const refusals: BoxRefusal[] = [];
    for (const frame of frames) {
      if (frame.kind === "limit") onLimit?.(frame);
      else if (frame.kind === "refused") refusals.push(refusalOf(frame, kept.arch));
      else if (frame.kind === "access" && (kept.recordsReads || !isAllowedRead(frame)))
        rows.push(toRow(frame));
    }
    const told = refusals.length === 0 ? undefined : onRefused?.(refusals);
    const recorded = rows.length === 0 ? undefined : record(rows);
    return told === undefined ? recorded : Promise.all([told, recorded]).then(() => {});
  };
}

/** @throws {AegisError} `enforce/insufficient` when a place would be changed for real */
function withLayers(kept: KeptBox, overlays: readonly BoxOverlay[] | undefined): KeptBox {
  if (overlays === undefined) return kept;
  const missing = overlayPlaces(kept.plan).places.filter(
    (place) => !overlays.some((overlay) => overlay.place === place),
  );
  assert(missing.length === 0, "every place of a dry run has its layers");
  return { ...kept, plan: withOverlays(kept.plan, overlays) };
}

/** The box with the file of this launch in it, and the environment that names it. */
function withShown(
  kept: KeptBox,
  { shown, environment }: BoxLaunch,
): { readonly kept: KeptBox; readonly environment: readonly string[] } {
  if (shown === undefined || !kept.mayShow) return { kept, environment };
  const { box, rule } = showFile(kept.plan, shown.path, fsRight.readFile);
  const isNamed = environment.some((entry) => entry.startsWith(`${shown.variable}=`));
  return {
    kept: { ...kept, plan: box, sources: () => kept.sources().toSpliced(rule, 0, shownSource) },
    environment: isNamed ? environment : [...environment, `${shown.variable}=${shown.path}`],
  };
}

/**
 * Where no socket is taken from a box that goes by name, it has none for datagrams; where it has no
 * network of its own, they come from another address than the one that was asked.
 */
function asksNamesByStream(plan: Uint8Array, gateway: BoxLaunch["gateway"]): boolean {
  return gateway !== undefined && (makesSockets(plan) || !hasOwnNetwork(plan));
}

/** So the C library is told to ask for names over TCP. */
function withStreamResolver(environment: readonly string[]): readonly string[] {
  const given = environment.find((entry) => entry.startsWith(`${resolverOptions}=`));
  const others = environment.filter((entry) => entry !== given);
  return [...others, given === undefined ? `${resolverOptions}=use-vc` : `${given} use-vc`];
}

const resolverOptions = "RES_OPTIONS";

function withoutGateway(): AegisError {
  return new AegisError("enforce/helper", "Cannot launch: the box's connections need a gateway");
}

function exitOf({ status, exited, failed }: HelperExit): BoxExit {
  return {
    status,
    signal: exited?.signal,
    failure: failed === undefined ? undefined : failureOf(failed),
  };
}

function failureOf({ step, message }: FailedFrame): BoxFailure {
  return { step, message, hint: hints[step] };
}

const endedWithIt = [
  "the box ended with it, and nothing went on unconfined",
  "signal 9 is a kill from outside or a lack of memory",
  "anything else is a damaged or faulty aegis: reinstall it, and report it when it happens again",
].join("; ");

const hints: Readonly<Record<string, string>> = {
  broker: endedWithIt,
  helper: endedWithIt,
  limits: "redirect standard input, output and error, or leave the limit out",
  exec: "grant ProcessSpawn on the program and FileRead on what it loads, or see the denials",
  directory:
    "you have to be able to enter it, without root's rights, which a box has not; else grant it, or choose another with --dir",
  namespaces: "run `aegis setup`: what the plan was made for is gone",
  mount: "run again: the plan was made for files that have changed",
  overlay:
    "run without --dry-run: this kernel, or the file system of AEGIS_HOME, cannot lay one folder over another",
  landlock: "run `aegis setup`: what the plan was made for is gone",
  notify: "run without the outer sandbox, or with --audit off",
  seccomp: "run where a seccomp filter may be installed: there is no box without one",
};
