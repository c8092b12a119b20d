// The loaders that programs need to start although the policy lets nobody run a loader: the kernel
// executes both, and Landlock cannot tell one from the other. A loader run as a program starts
// whatever can be read, so what is granted here takes a broker that looks at what its callers run.

import { type AbsPath, absPath } from "../../../base/paths.ts";
import type { Origin } from "../../../model/capability.ts";
import type { Finding } from "../finding.ts";
import type { DiskView } from "./disk-view.ts";
import type { Region } from "./grants.ts";
import { covers, type Shape } from "./shape.ts";

/** Where distributions keep them; what a program names beside these is read from the program. */
const usualLoaders = [
  "/lib64/ld-linux-x86-64.so.2",
  "/lib/ld-linux-aarch64.so.1",
  "/lib/ld-musl-x86_64.so.1",
  "/lib/ld-musl-aarch64.so.1",
].flatMap((path) => absPath(path) ?? []);

export interface Loaders {
  /** Rights to execute beside what the policy grants. */
  readonly regions: readonly Region[];
  readonly findings: readonly Finding[];
}

/** Those that programs granted by name need; who grants a folder grants its loader as well. */
export function loadersFor(grants: readonly Region[], disk: DiskView): Loaders {
  const spawns = grants.filter(({ action }) => action === "ProcessSpawn");
  const programs = spawns.filter(({ shape }) => disk.look(shape.path).kind === "file");
  const [first] = programs;
  if (first === undefined) return { regions: [], findings: [] };
  const named = programs.flatMap(({ shape }) => disk.loaderOf(shape.path) ?? []);
  const places = [...usualLoaders, ...named]
    .map((path) => disk.look(path))
    .filter(({ kind }) => kind === "file")
    .map(({ place }) => place);
  const missing = [...new Set(places)].filter((path) => !isGranted(spawns, path));
  if (missing.length === 0) return { regions: [], findings: [] };
  const { origin } = first;
  return {
    regions: missing.map((path) => regionOf(path, origin)),
    findings: [
      {
        origin,
        message:
          `ProcessSpawn of programs by name, but not of their loader "${missing[0]}", ` +
          "which starts any program that can be read, takes the broker",
        hint: "`aegis setup` says why there is none here; or permit running the loader as well",
        brokerHolds: true,
      },
    ],
  };
}

function isGranted(spawns: readonly Region[], path: AbsPath): boolean {
  const shape: Shape = { kind: "exact", path };
  return spawns.some(
    (grant) => covers(grant.shape, shape) && !grant.except.some((out) => covers(out, shape)),
  );
}

function regionOf(path: AbsPath, origin: Origin): Region {
  return {
    action: "ProcessSpawn",
    shape: { kind: "exact", path },
    except: [],
    origin,
    isWider: false,
  };
}
