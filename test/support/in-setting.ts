// The built binary in each setting of box.ts: as root, as a plain user, and where no namespace can
// be made. Each has a home, a workspace and files of its own.

import { mkdirSync, mkdtempSync } from "node:fs";
import type { Setting } from "./box.ts";
import { aegisBinary, cleanEnvironment, giveToPlainUser, type Outcome } from "./harness.ts";
import { programMs } from "./patience.ts";
import { removeTree } from "./temp.ts";

export interface Scene {
  readonly setting: Setting;
  /** HOME, with aegis' state in `.aegis`. */
  readonly home: string;
  /** Working folder. */
  readonly ws: string;
}

const bases = new Set<string>();

/** Every test file that makes scenes calls this when its tests are done. */
export function removeScenes(): void {
  for (const base of bases) {
    removeTree(base);
    bases.delete(base);
  }
}

/** Homes of people are not below /tmp, and a box has a /tmp of its own. */
export function makeScene(setting: Setting): Scene {
  const base = mkdtempSync("/var/tmp/aegis-scene-");
  bases.add(base);
  const scene = { setting, home: `${base}/home`, ws: `${base}/ws` };
  mkdirSync(scene.home);
  mkdirSync(scene.ws);
  own(scene, base);
  return scene;
}

/** Makes what a test put into a scene the property of who runs in it. */
export function own({ setting }: Scene, path: string): void {
  if (setting.isPlain) giveToPlainUser(path);
}

export interface SceneOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

export async function runIn(
  { setting, home, ws }: Scene,
  args: readonly string[],
  { env = {}, stdin }: SceneOptions = {},
): Promise<Outcome> {
  const child = Bun.spawn(setting.through([aegisBinary(), ...args]), {
    cwd: ws,
    env: cleanEnvironment({ HOME: home, ...env }),
    stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: programMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}
