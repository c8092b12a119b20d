// What this machine can enforce, tried for real: every kernel feature, the coverage of the default
// policy, and one launch that must be let through in one place and refused and recorded in another.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { AegisError } from "../base/errors.ts";
import { uniqueSuffix } from "../base/ids.ts";
import { type AbsPath, absPath, resolvePath } from "../base/paths.ts";
import { aegisPaths, privateDirectory } from "../config/location.ts";
import type { Backend, BoxAccess, BoxRequest, PreparedBox } from "../enforce/backend.ts";
import { gapsOf } from "../enforce/coverage.ts";
import { platformName, selectBackend } from "../enforce/select.ts";
import type { Coverage, CoverageRow } from "../model/coverage.ts";
import { findProgram } from "../supervise/find-program.ts";
import { countTemporary } from "../supervise/stale-temporary.ts";
import { temporaryBase } from "../supervise/temporary-folder.ts";
import { accessSources } from "./launch/access-sources.ts";
import { canonicalPath } from "./launch/subject.ts";
import { policyInForce } from "./policy/in-force.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Feature {
  readonly name: string;
  readonly usable: boolean;
  /** Why it is not, or what is known about it. */
  readonly note: string;
}

export interface Survey {
  readonly platform: "linux" | "macos";
  readonly home: AbsPath;
  /** Where boxes that get no private /tmp keep temporary files, and of how many workspaces. */
  readonly temporary: { readonly path: AbsPath; readonly workspaces: number };
  readonly features: readonly Feature[];
  /** Of a box as it is made here; nothing is enforced where none can be made. */
  readonly coverage: Coverage;
  readonly trial: Trial;
  readonly ready: boolean;
}

interface Trial {
  readonly passed: boolean;
  readonly message: string;
  /** A box was there, whatever became of what ran in it. */
  readonly isBoxMade: boolean;
}

/** @throws {AegisError} when there is no home for state or no backend for this platform */
export async function survey(around: Surroundings): Promise<Survey> {
  const { home } = aegisPaths(around.environment);
  privateDirectory(home);
  const helperDirectory = resolvePath(home, "cache/helper");
  const features = platformName === "linux" ? await linuxFeatures(helperDirectory) : [];
  const backend = await selectBackend(helperDirectory, () => accessSources(around.clock));
  const workspace = mkdtempSync(`${tmpdir()}/aegis-setup-`);
  try {
    const request = await defaultRequest(around, workspace);
    const box = await backend.prepare(request);
    const trial = await tryBox(backend, box, request, around);
    const coverage = trial.isBoxMade ? box.coverage : box.coverage.map(notHeld);
    const ready = trial.passed && gapsOf(coverage).length === 0;
    return {
      platform: platformName,
      home,
      temporary: temporary(),
      features,
      coverage,
      trial,
      ready,
    };
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
}

function temporary(): Survey["temporary"] {
  const path = temporaryBase();
  return { path, workspaces: countTemporary(path) };
}

async function linuxFeatures(helperDirectory: string): Promise<Feature[]> {
  const [{ surveyLinux }, { featureNames }] = await Promise.all([
    import("../enforce/linux/prepare.ts"),
    import("../enforce/linux/features.ts"),
  ]);
  const host = await surveyLinux(helperDirectory);
  return featureNames.map((name) => {
    const lack = host.lacks[name];
    const known = name === "landlock" ? `ABI ${host.landlockAbi}` : "";
    return { name, usable: lack === "", note: lack === "" ? known : lack };
  });
}

/** The default policy on a folder; weaker is accepted, so that it can be told. */
export async function defaultRequest(around: Surroundings, workspace: string): Promise<BoxRequest> {
  const { request } = await policyInForce(
    {
      config: undefined,
      policies: [],
      manifest: undefined,
      profiles: [],
      directory: workspace,
      name: "setup",
      read: [],
      write: [],
      deny: [],
      net: [],
      denyNet: [],
      listen: [],
      exec: [],
    },
    around,
  );
  return { ...request, allowWeaker: true };
}

/** grep opens both files and says nothing: what is recorded tells what the kernel decided. */
async function tryBox(
  backend: Backend,
  box: PreparedBox,
  request: BoxRequest,
  around: Surroundings,
): Promise<Trial> {
  const workspace = canonicalPath(requireAbsolute(request.workspace));
  const granted = resolvePath(workspace, "granted");
  // Beside the keys, which no policy opens: AEGIS_HOME itself may lie in a folder that one grants.
  const { keys } = aegisPaths(around.environment);
  const refused = resolvePath(keys, `trial-${uniqueSuffix()}`);
  privateDirectory(keys);
  writeFileSync(granted, "", { mode: 0o600 });
  writeFileSync(refused, "", { mode: 0o600 });
  const path = "/usr/local/bin:/usr/bin:/bin";
  const seen: BoxAccess[] = [];
  try {
    const running = await backend.launch(
      box,
      {
        program: findProgram("grep", path, workspace),
        argv: ["grep", "-qs", "x", granted, refused],
        environment: [`PATH=${path}`],
        directory: workspace,
        stdoutToStderr: true,
      },
      (accesses) => {
        seen.push(...accesses);
      },
    );
    const { failure } = await running.exited;
    if (failure !== undefined) {
      const { step, message } = failure;
      return { passed: false, message, isBoxMade: stepsInside.has(step) };
    }
  } catch (error) {
    if (!(error instanceof AegisError)) throw error;
    const isBoxMade = !error.code.startsWith("enforce/");
    return { passed: false, message: error.message, isBoxMade };
  } finally {
    rmSync(refused, { force: true });
  }
  return judge(decisionOn(seen, granted), decisionOn(seen, refused));
}

/** Of a launch: the box is made by then, and the program is not started in it. */
const stepsInside: ReadonlySet<string> = new Set(["directory", "exec"]);

/** A row of a plan whose box cannot be made. */
function notHeld(row: CoverageRow): CoverageRow {
  if (row.level !== "enforced" && row.level !== "weaker") return row;
  const means = row.by === "" ? "" : `${row.by} would hold it, and `;
  return { ...row, level: "absent", by: "", why: `${means}no box can be made here` };
}

function judge(granted: string | undefined, refused: string | undefined): Trial {
  const isBoxMade = true;
  if (granted === "allow" && refused === "deny") {
    const message = "a granted read worked, another was refused; both were seen";
    return { passed: true, message, isBoxMade };
  }
  const told = `granted file: ${granted ?? "not seen"}, forbidden file: ${refused ?? "not seen"}`;
  return { passed: false, message: told, isBoxMade };
}

function decisionOn(seen: readonly BoxAccess[], path: string): string | undefined {
  const found = seen.find(({ payload }) => payload.action === "FileRead" && payload.path === path);
  return found?.payload.decision;
}

function requireAbsolute(path: string): AbsPath {
  const absolute = absPath(path);
  if (absolute === undefined) throw new Error(`broken invariant: workspace "${path}" is absolute`);
  return absolute;
}
