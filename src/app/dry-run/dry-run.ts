// The life of a dry run: layers for every place the box may change, the list of what it changed,
// and the decision. Until that the places are as they were; a launch that is killed leaves only
// its own folder, which a later one removes, or keeps when a commit had begun.

import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import { type AbsPath, contains, parentOf, resolvePath } from "../../base/paths.ts";
import { type IsOrigin, openHandles } from "../../bridge/file-handle.ts";
import { openXattrs, type Xattrs } from "../../bridge/xattrs.ts";
import type { BoxOverlay, OverlayPlaces } from "../../enforce/backend.ts";
import type { EventDraft } from "../../model/event.ts";
import type { Say } from "../../supervise/supervisor.ts";
import { changesListName } from "../leftovers.ts";
import { removeTree } from "../remove-tree.ts";
import { type Change, changesIn, type DryPlace } from "./changes.ts";
import {
  type ChangeView,
  type DryRunChoice,
  type DryRunDecision,
  type DryRunResult,
  viewOf,
} from "./choice.ts";
import { commitChanges, copyChanges, type LeftBehind } from "./commit.ts";
import { lookAt } from "./folder.ts";
import { readUpper } from "./upper.ts";

export interface DryRun {
  readonly launch: { readonly overlays: readonly BoxOverlay[] };
  /**
   * Lists, asks and does; what the session is to say of it. Never throws: `result` does.
   * @param say makes durable that a commit begins, before it does
   */
  decide(say: Say): Promise<readonly EventDraft[]>;
  /** @throws {AegisError} what kept the decision from being made or carried out */
  result(): DryRunResult;
  /** Removes the layers, unless something in them is all there is of a change. */
  close(): void;
}

interface Request {
  readonly choice: DryRunChoice;
  readonly wanted: OverlayPlaces;
  /** Where running launches have theirs; canonical, of this user alone. */
  readonly folder: AbsPath;
  readonly clock: Clock;
}

/** @throws {AegisError} `enforce/insufficient` where AEGIS_HOME cannot hold the layers */
export function openDryRun({ choice, wanted, folder, clock }: Request): DryRun {
  const xattrs = openXattrs();
  const own = resolvePath(folder, `${process.pid}-${uniqueSuffix()}`);
  const within = wanted.places.find((place) => contains(place, own));
  if (within !== undefined) {
    throw insufficient(`AEGIS_HOME lies in "${within}", which the command may change`);
  }
  mkdirSync(own, { recursive: true, mode: 0o700 });
  let outcome: DryRunResult | AegisError | undefined;
  try {
    const layers = wanted.places.map((place, index) => makeLayers(own, place, index, xattrs));
    const places: readonly DryPlace[] = layers;
    const startNs = lookAt(own)?.ctimeNs ?? 0n;
    const covers = new Set(wanted.covers);
    const context = { places, startNs, xattrs, isOrigin: openHandles(), covers };
    return {
      launch: { overlays: layers.map(({ place, upper, work }) => ({ place, upper, work })) },
      async decide(say) {
        const tsUnixMs = clock.nowUnixMs();
        const begin = async (changes: readonly ChangeView[]) => {
          const payload = { ...payloadOf({ ...nothing, changes }), decision: "committing" };
          await say([{ type: "DRY_RUN", tsUnixMs, payload }]);
          writeList(own, changes);
        };
        try {
          const made = await decideOn(context, choice, folder, begin);
          outcome = made;
          return [{ type: "DRY_RUN", tsUnixMs: clock.nowUnixMs(), payload: payloadOf(made) }];
        } catch (error) {
          outcome = failure(error, own);
          return [{ type: "DRY_RUN", tsUnixMs, payload: { decision: "failed" } }];
        }
      },
      result() {
        if (outcome === undefined) throw failure(new Error("the command was not launched"), own);
        if (outcome instanceof AegisError) throw outcome;
        return outcome;
      },
      close() {
        if (!(outcome instanceof AegisError)) removeTree(own);
      },
    };
  } catch (error) {
    removeTree(own);
    throw error;
  }
}

interface Context {
  readonly places: readonly DryPlace[];
  readonly startNs: bigint;
  readonly xattrs: Xattrs;
  readonly isOrigin: IsOrigin;
  readonly covers: ReadonlySet<string>;
}

const nothing: DryRunResult = { decision: "none", changes: [], left: [], kept: undefined };

/** @param begin called before the first change is committed */
async function decideOn(
  context: Context,
  choice: DryRunChoice,
  folder: AbsPath,
  begin: (changes: readonly ChangeView[]) => Promise<void>,
): Promise<DryRunResult> {
  const { places, xattrs } = context;
  const changes = places.flatMap((place) =>
    changesIn(readUpper(place.upper, "", xattrs), { place, ...context }),
  );
  const views = changes.map(viewOf);
  if (changes.length === 0) return nothing;
  const decision = choice.decide(views);
  if (decision.kind === "commit") {
    await begin(views);
    const left = commitChanges(changes, context);
    const kept = left.length === 0 ? undefined : keepLeft(left, folder, xattrs);
    return { decision: "commit", changes: views, left: left.map(leftView), kept };
  }
  const kept = decision.kind === "keep" ? keep(decision, changes, folder, xattrs) : undefined;
  return { decision: decision.kind, changes: views, left: [], kept };
}

/** What could not be committed is not lost. */
function keepLeft(left: readonly LeftBehind[], folder: AbsPath, xattrs: Xattrs): string {
  const changes = left.map(({ change }) => change);
  return keepIn(spareFolder(folder), changes, xattrs);
}

function keep(
  { folder: wanted }: DryRunDecision & { readonly kind: "keep" },
  changes: readonly Change[],
  folder: AbsPath,
  xattrs: Xattrs,
): string {
  try {
    mkdirSync(wanted, { mode: 0o700 });
  } catch {
    // ignored: it came to be meanwhile, or cannot be made; the result says where they are instead
    return keepIn(spareFolder(folder), changes, xattrs);
  }
  return keepIn(wanted, changes, xattrs);
}

/** Beside the folder of running launches: nothing there is removed by itself. */
function spareFolder(folder: AbsPath): string {
  const kept = resolvePath(parentOf(folder), `kept/${uniqueSuffix()}`);
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  return kept;
}

function keepIn(folder: string, changes: readonly Change[], xattrs: Xattrs): string {
  writeList(folder, changes.map(viewOf));
  copyChanges(`${folder}/files`, changes, xattrs);
  return folder;
}

function writeList(folder: string, changes: readonly ChangeView[]): void {
  const text = `${JSON.stringify(changes, null, 2)}\n`;
  writeFileSync(`${folder}/${changesListName}`, text, { mode: 0o600 });
}

function leftView({ change, why }: LeftBehind): DryRunResult["left"][number] {
  return { path: viewOf(change).path, why };
}

function payloadOf({ decision, changes, left, kept }: DryRunResult): EventDraft["payload"] {
  const count = (kind: ChangeView["kind"]) => changes.filter((each) => each.kind === kind).length;
  return {
    decision,
    added: count("added"),
    changed: count("changed"),
    deleted: count("deleted"),
    attributes: count("attributes"),
    left: left.length,
    kept: kept ?? null,
  };
}

function makeLayers(
  own: AbsPath,
  place: string,
  index: number,
  xattrs: Xattrs,
): DryPlace & BoxOverlay {
  const look = lookAt(place);
  if (look === undefined) throw insufficient(`"${place}" is gone`);
  const upper = resolvePath(own, `${index}/upper`);
  const work = resolvePath(own, `${index}/work`);
  for (const path of [upper, work]) mkdirSync(path, { recursive: true, mode: 0o700 });
  if (!xattrs.write(upper, "user.aegis", new Uint8Array(1)))
    throw insufficient("the file system of AEGIS_HOME has no extended attributes");
  xattrs.remove(upper, "user.aegis");
  // The layer's own folder is what the box sees as the place.
  if (process.geteuid?.() === 0) chownSync(upper, Number(look.uid), Number(look.gid));
  chmodSync(upper, Number(look.mode & 0o7777n));
  return { place, upper, work, look };
}

function insufficient(why: string): AegisError {
  return new AegisError("enforce/insufficient", `Cannot keep a dry run apart: ${why}`, {
    hint: "set AEGIS_HOME to a folder of another file system, or run in another folder",
  });
}

function failure(error: unknown, own: AbsPath): AegisError {
  const why = error instanceof Error ? error.message : String(error);
  return new AegisError("internal", `Cannot finish the dry run: ${why}`, {
    hint: `what was changed lies in "${own}" for a day, then in "kept" of AEGIS_HOME if a commit had begun; what was not committed is as it was`,
    cause: error,
  });
}
