// The ground a run stands on: a home with secrets, a workspace in it, a folder outside every grant,
// and programs outside that wait to be reached. Not below /tmp, of which a box has one of its own.

import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { syscallTable } from "../../src/enforce/linux/filter/syscall-table.ts";
import { aegisBinary, giveToPlainUser, isRoot } from "../support/harness.ts";
import { standAround } from "./around.ts";
import { fingerprint } from "./fingerprint.ts";
import { groundOf, layGround, type Places, put } from "./ground.ts";
import type { Row, Words } from "./row.ts";
import { execute, type Setting } from "./setting.ts";

export interface Scene extends AsyncDisposable {
  readonly root: string;
  readonly home: string;
  readonly workspace: string;
  readonly outside: string;
  readonly readable: string;
  readonly sockets: string;
  /** The program that attacks, in the workspace. */
  readonly attack: string;
  /** The port of loopback that `{granted}` is. */
  readonly granted: number;
  /** The UDP port of loopback that `{heard}` is. */
  readonly heard: number;
  readonly aegis: string;
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors of a folder and of a file outside, for the command to inherit as 3 and 4. */
  readonly inherited: readonly [folder: number, file: number];
  /** Words of a row, or of its twin, with every placeholder replaced. */
  words(row: Row, words: Words, as: "attack" | "twin"): string[];
  /** What must not have changed after an attack: the row's paths, and its forbidden folder. */
  traces(row: Row): readonly string[];
  /** Sockets, ports and the like outside that were reached since the start. */
  reached(): readonly string[];
  /** A file of the scene itself; only its maker may change it, unless it is in the home. */
  write(name: string, text: string): void;
  /** A file made by somebody outside while a box runs. */
  make(path: string): void;
}

const attackerSecrets: Readonly<Record<string, string>> = {
  GITHUB_TOKEN: "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  AWS_SECRET_ACCESS_KEY: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  OPENAI_API_KEY: "sk-aaaaaaaaaaaaaaaaaaaaaaaa",
  ANTHROPIC_API_KEY: "sk-ant-aaaaaaaaaaaaaaaaaaaaaaaa",
  NPM_TOKEN: "npm_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  DATABASE_URL: "postgres://user:password@db.invalid/x",
  MY_PASSWORD: "hunter2hunter2",
  PLAIN_LOOKING: "ghp_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
  SSH_AUTH_SOCK: "/nonexistent/agent",
  DISPLAY: ":0",
  WAYLAND_DISPLAY: "wayland-0",
  TMUX: "/nonexistent/tmux,1,0",
  STY: "1.x",
  VSCODE_IPC_HOOK_CLI: "/nonexistent/code.sock",
  DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus",
  XDG_RUNTIME_DIR: "/nonexistent",
  DOCKER_HOST: "unix:///nonexistent/docker.sock",
  GPG_AGENT_INFO: "/nonexistent/gpg",
  KUBECONFIG: "/nonexistent/kube",
  LD_PRELOAD: "",
  BUN_OPTIONS: "",
};

/** A scene for `rows`, owned by the account of `setting`. */
export async function makeScene(setting: Setting, rows: readonly Row[]): Promise<Scene> {
  const root = realpathSync(mkdtempSync("/var/tmp/aegis-escape-"));
  chmodSync(root, 0o755);
  const home = join(root, "home");
  const places = {
    home,
    workspace: join(home, "project"),
    outside: join(root, "outside"),
    readable: join(root, "readable"),
  };
  const { workspace, outside, readable } = places;
  const sockets = join(root, "sockets");
  for (const path of [workspace, outside, readable, sockets, join(workspace, "served")])
    mkdirSync(path, { recursive: true });
  layGround(places, rows);
  const aegis = join(root, "aegis");
  copyFileSync(aegisBinary(), aegis);
  chmodSync(aegis, 0o755);
  const isOwned = setting.isPlain && isRoot();
  if (isOwned) for (const path of [home, outside, readable, sockets]) giveToPlainUser(path);
  const inherited = [openSync(outside, "r"), openSync(join(outside, "left-open"), "r+")] as const;
  const around = await standAround(setting, { sockets, places });
  const values = {
    ...{ ws: workspace, home, out: outside, readable, sockets, aegis },
    ...{ bin: join(workspace, "bin"), ...around.values },
  };
  const expand = expander(places, values);
  return {
    ...{ root, home, workspace, outside, readable, sockets, aegis, inherited },
    attack: join(workspace, "bin/attack"),
    granted: Number(around.values.granted),
    heard: Number(around.values.heard),
    env: environmentOf(home),
    words: (row, words, as) => words.map((word) => expand(row, word, as)),
    traces: (row) => tracesOf(row, (word) => expand(row, word, "attack")),
    reached: around.reached,
    write: (name, text) => {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text, { mode: 0o644 });
      if (isOwned && name.startsWith("home/")) giveToPlainUser(dirname(join(root, name)));
    },
    make: (path) => {
      put(path, "SECRET made later");
      if (isOwned) giveToPlainUser(path);
    },
    [Symbol.asyncDispose]: async () => {
      for (const fd of inherited) closeSync(fd);
      await around.end();
      execute(["chmod", "-R", "u+rwX", root]);
      rmSync(root, { recursive: true, force: true });
      for (const place of ["/dev/shm", "/tmp"])
        rmSync(join(place, `aegis-escape-${around.values.key}`), { force: true });
    },
  };
}

function environmentOf(home: string): Record<string, string> {
  const path = "/usr/local/bin:/usr/bin:/bin";
  return { PATH: path, HOME: home, LANG: "C.UTF-8", TERM: "dumb", ...attackerSecrets };
}

function tracesOf(row: Row, expand: (word: string) => string): string[] {
  const paths = (row.untouched ?? []).map(expand);
  const usesGround = row.words.some((word) => word.includes("{t}"));
  if (usesGround && row.wanted === undefined) paths.push(expand("{t}"));
  return paths.map((path) => `${path}: ${fingerprint(path)}`);
}

type Expand = (row: Row, word: string, as: "attack" | "twin") => string;

function expander(places: Places, values: Readonly<Record<string, string>>): Expand {
  return (row, word, as) =>
    word.replaceAll(/\{([\w:]+)\}/g, (_, key: string) => {
      if (key === "t") return groundOf(row, as, places);
      if (key === "r") return join(places.readable, row.name);
      if (key === "s") return join(places.workspace, "scratch", `${row.name}-${as}`);
      if (key.startsWith("sys:")) return String(callNumber(key.slice("sys:".length)));
      const value = values[key];
      if (value === undefined) throw new Error(`no value for {${key}} of ${row.name}`);
      return value;
    });
}

function callNumber(name: string): number {
  const number = syscallTable("x86_64").numbers.get(name);
  if (number === undefined) throw new Error(`no system call is called ${name}`);
  return number;
}
