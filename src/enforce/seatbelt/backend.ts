// Starts a prepared box: sources first, then `sandbox-exec -p PROFILE -- program arguments`, then
// waiting. sandbox-exec becomes the program, so its process id, signals and status are the
// command's. Nothing goes through a shell.

import { constants } from "node:os";
import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import type {
  Backend,
  BoxAccess,
  BoxExit,
  BoxLaunch,
  PreparedBox,
  RunningBox,
} from "../backend.ts";
import type { AccessSource, OpenSource, RecordAccesses, Watch } from "./access-source.ts";
import { holdSeatbeltLimits } from "./limits.ts";
import type { SeatbeltMachine } from "./machine.ts";
import { prepareSeatbelt } from "./prepare.ts";
import { decodePrepared, type PreparedProfile } from "./prepared.ts";
import { renderProfile } from "./sbpl.ts";

export function seatbeltBackend(machine: SeatbeltMachine): Backend {
  return {
    prepare: async (request) => prepareSeatbelt(machine, await request),
    // Seatbelt is all there or the profile is refused.
    isCurrent: async () => true,
    holdLimits: (_, limits) => holdSeatbeltLimits(limits),
    overlayPlaces() {
      throw new AegisError("enforce/unsupported", "Cannot keep a dry run apart on macOS", {
        hint: "it takes Linux; work in a copy of the folder",
      });
    },
    async launch(box, launch, record, start) {
      const begin = () => launchSeatbelt(machine, box, launch, record);
      return start === undefined ? begin() : launchAfter(start, begin);
    },
  };
}

/** There is nothing to build ahead here: the whole launch waits. */
function launchAfter(start: Promise<unknown>, begin: () => Promise<RunningBox>): RunningBox {
  const running = start.then(begin);
  const exited = running.then((box) => box.exited);
  // Whoever awaits it is told; after a broken start nobody does.
  exited.catch(() => undefined);
  return { exited, kill: (signal) => void running.then((box) => box.kill(signal)) };
}

type Child = Bun.Subprocess<"inherit", number, "inherit">;

async function launchSeatbelt(
  machine: SeatbeltMachine,
  box: PreparedBox,
  launch: BoxLaunch,
  record: RecordAccesses,
): Promise<RunningBox> {
  if (box.network !== undefined && launch.gateway === undefined)
    throw new AegisError("enforce/helper", "Cannot launch: the box's connections need a gateway");
  const prepared = decodePrepared(box.bytes);
  const tag = uniqueSuffix().replaceAll("-", "");
  const command = commandOf(machine, prepared, launch, tag);
  // Without an audit there is nobody to tell, so nothing is listened to.
  const wanted = prepared.audit === "off" ? [] : machine.sources;
  const sources = await openAll(wanted, { tag, ...prepared }, oneAtATime(record));
  const child = start(command, launch);
  if (!("pid" in child)) {
    await closeAll(sources);
    return { exited: Promise.resolve(child), kill: () => undefined };
  }
  return {
    exited: child.exited.then(async () => {
      await closeAll(sources);
      return exitOf(child);
    }),
    kill: (signal) => child.kill(signal),
  };
}

/** `argv[0]` is the program's path: sandbox-exec knows no other. */
function commandOf(
  { sandboxExec }: SeatbeltMachine,
  { profile }: PreparedProfile,
  { program, argv, gateway }: BoxLaunch,
  tag: string,
): string[] {
  const command = [program, ...argv.slice(1)];
  if (profile === undefined) return command;
  return [sandboxExec, "-p", renderProfile(profile, tag, gateway?.port), "--", ...command];
}

function start(command: string[], launch: BoxLaunch): Child | BoxExit {
  try {
    return Bun.spawn(command, {
      cwd: launch.directory,
      env: environmentOf(launch),
      stdio: ["inherit", launch.stdoutToStderr ? 2 : 1, "inherit"],
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const hint = `check that "${command[0]}" and "${launch.directory}" exist`;
    return { status: 125, signal: undefined, failure: { step: "launch", message, hint } };
  }
}

/** Loaders and Bun take orders from these, whoever set them. */
const withheldNames = /^(DYLD_|BUN_)/;

function environmentOf({ environment }: BoxLaunch): Record<string, string> {
  const pairs = environment.map((entry): [string, string] => {
    const end = entry.indexOf("=");
    return [entry.slice(0, end), entry.slice(end + 1)];
  });
  return Object.fromEntries(pairs.filter(([name]) => name !== "" && !withheldNames.test(name)));
}

function exitOf(child: Child): BoxExit {
  const { signalCode, exitCode } = child;
  if (signalCode === null) {
    return { status: exitCode ?? 125, signal: undefined, failure: undefined };
  }
  const signal = typeof signalCode === "number" ? signalCode : constants.signals[signalCode];
  return { status: 128 + signal, signal, failure: undefined };
}

/** Several sources, one record: a batch waits for the one before it. */
function oneAtATime(record: RecordAccesses): (accesses: readonly BoxAccess[]) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (accesses) => {
    last = last.then(() => record(accesses));
    return last;
  };
}

async function openAll(
  sources: readonly AccessSource[],
  watch: Watch,
  record: RecordAccesses,
): Promise<OpenSource[]> {
  const opened: OpenSource[] = [];
  try {
    for (const source of sources) opened.push(await source.open(watch, record));
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
  return opened;
}

async function closeAll(sources: readonly OpenSource[]): Promise<void> {
  const closings = await Promise.allSettled(sources.map((source) => source.close()));
  for (const closing of closings) if (closing.status === "rejected") throw closing.reason;
}
