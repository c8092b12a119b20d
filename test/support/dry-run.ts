// A dry run of the built binary in a scene with files of many kinds.

import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { aegisBinary, cleanEnvironment } from "./harness.ts";
import { makeScene, own, runIn, type Scene } from "./in-setting.ts";
import { programMs } from "./patience.ts";

/** Every name below a folder with what it is; times too when asked. */
export function treeOf(folder: string, withTimes = false): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (path: string, name: string) => {
    const look = lstatSync(path);
    const mode = (look.mode & 0o7777).toString(8);
    const time = withTimes ? ` ${look.mtimeMs} ${look.ino}` : "";
    if (look.isSymbolicLink()) found[name] = `link ${readlinkSync(path)}`;
    else if (look.isFile()) found[name] = `file ${mode} ${readFileSync(path, "latin1")}${time}`;
    else {
      found[name] = `folder ${mode}${time}`;
      for (const each of readdirSync(path)) visit(`${path}/${each}`, `${name}/${each}`);
    }
  };
  visit(folder, "");
  return found;
}

function fill({ ws }: Scene): void {
  for (const folder of ["sub/deep", "tree/inner", "moving"])
    mkdirSync(`${ws}/${folder}`, { recursive: true });
  const files = [
    "a",
    "b",
    "d",
    "sub/c",
    "sub/deep/e",
    "tree/1",
    "tree/inner/2",
    "moving/f",
    "same",
  ];
  for (const file of files) writeFileSync(`${ws}/${file}`, `${file}\n`);
  symlinkSync("a", `${ws}/link`);
  linkSync(`${ws}/a`, `${ws}/twice`);
}

export function filled(setting: Scene["setting"]): Scene {
  const scene = makeScene(setting);
  fill(scene);
  for (const path of ["", ...Object.keys(treeOf(scene.ws))]) own(scene, `${scene.ws}${path}`);
  // What is changed later than the run began counts as a conflict.
  Bun.sleepSync(20);
  return scene;
}

export async function dry(scene: Scene, flags: readonly string[], script: string) {
  return runIn(scene, ["run", "--dry-run", ...flags, "--", "sh", "-c", script]);
}

/** Does something on the host while a dry run is under way, after its command has done `script`. */
export async function heldDry(
  { setting, ws, home }: Scene,
  flags: readonly string[],
  script: string,
  meanwhile: () => void,
) {
  const argv = [
    "run",
    "--dry-run",
    ...flags,
    "--",
    "sh",
    "-c",
    `${script}; echo ready >&2; read x`,
  ];
  const child = Bun.spawn(setting.through([aegisBinary(), ...argv]), {
    cwd: ws,
    env: cleanEnvironment({ HOME: home }),
    stdio: ["pipe", "pipe", "pipe"],
    timeout: programMs,
  });
  const reader = child.stderr.getReader();
  const said = Buffer.from((await reader.read()).value ?? []).toString();
  if (said !== "ready\n") throw new Error(`the command said ${said}`);
  meanwhile();
  child.stdin.write("\n");
  await child.stdin.end();
  const [stdout, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  return { stdout, exitCode };
}

export interface Report {
  readonly session: string;
  readonly dry_run: {
    readonly decision: string;
    readonly changes: readonly {
      readonly kind: string;
      readonly path: string;
      readonly size_before: number | null;
      readonly size_after: number | null;
      readonly conflict: string | null;
    }[];
    readonly not_committed: readonly { readonly path: string; readonly why: string }[];
    readonly kept: string | null;
  };
}
