// `aegis run --ask` at a terminal of its own: a person who waits for a question and presses a key.

import { Database } from "bun:sqlite";
import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { programs } from "./box.ts";
import { aegisBinary, cleanEnvironment, type Outcome, spawnAegis, waitFor } from "./harness.ts";
import { createShown } from "./shown.ts";
import { tempDir } from "./temp.ts";

/** A workspace, a folder no rule is about, and a policy that says so. */
export interface AskedPlace {
  readonly workspace: string;
  readonly other: string;
  readonly policy: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

export function askedPlace(): AskedPlace {
  const [workspace, other, home] = [tempDir("workspace"), tempDir("other"), tempDir("home")];
  const policies = join(tempDir("policy"), "rules");
  mkdirSync(policies);
  const policy = join(policies, "rules.cedar");
  const inside = (...paths: readonly string[]) =>
    `resource in [${paths.map((path) => `Aegis::Resource::"${path}"`).join(", ")}]`;
  const action = (...names: readonly string[]) =>
    `action in [${names.map((name) => `Aegis::Action::"${name}"`).join(", ")}]`;
  const system = inside("/usr", "/bin", "/lib", "/lib64");
  writeFileSync(
    policy,
    `permit(principal, ${action("FileRead", "DirList", "ProcessSpawn")}, resource)
when { ${system} };
permit(principal, ${action("FileRead", "DirList", "FileWrite", "FileDelete", "DirCreate")}, resource)
when { ${inside(workspace)} };
`,
  );
  chmodSync(policy, 0o640);
  for (const name of ["a", "b", "c", "d"]) writeFileSync(join(other, name), `text of ${name}\n`);
  const env = { AEGIS_HOME: join(home, "state"), OTHER: other };
  return { workspace, other, policy, home, env };
}

export interface Asked {
  /** Waits for the next question and returns it, without the colours there are none of. */
  question(): Promise<string>;
  /** Presses a key until the question is answered; what the terminal then says of it. */
  answer(key: string): Promise<string>;
  /** Waits for text that was not seen before. */
  see(wanted: RegExp): Promise<string>;
  press(key: string): void;
  /** Everything shown so far. */
  readonly screen: string;
  /** The exit status, after everything was shown. */
  readonly exited: Promise<number>;
}

/**
 * `flags` before `--`; `script` is for sh, whose `$OTHER` is the folder no rule is about.
 * @param launcher put before aegis
 */
export function runAsked(
  place: AskedPlace,
  script: string,
  flags: readonly string[] = [],
  launcher: readonly string[] = [],
): Asked & AsyncDisposable {
  const asks = ["run", "--ask", "--quiet", "--policy", place.policy];
  const argv = [...launcher, aegisBinary(), ...asks, ...flags];
  const shown = createShown();
  const child = Bun.spawn([...argv, "--env", "OTHER", "--", "sh", "-c", script], {
    cwd: place.workspace,
    env: cleanEnvironment(place.env),
    terminal: {
      cols: 200,
      rows: 50,
      data: (_, bytes) => shown.add(bytes),
    },
  });
  const { terminal } = child;
  if (terminal === undefined) throw new Error("there is no terminal");
  return {
    see: shown.see,
    question: () => shown.see(/aegis: "[\s\S]*?\nallow\? \[n\] /),
    async answer(key) {
      const outcome = /(allowed|denied|withdrawn)[^\n]*\r\n/;
      await waitFor(`an answer to ${JSON.stringify(key)}`, async () => {
        terminal.write(key);
        await Bun.sleep(50);
        // What was shown meanwhile is heard before the key is pressed again, or it would be the
        // answer to the next question.
        for (let turn = 0; turn < 3; turn++) await new Promise((heard) => setImmediate(heard));
        return outcome.test(shown.fresh);
      });
      return (await shown.see(outcome)).trim();
    },
    press: (key) => void terminal.write(key),
    get screen() {
      return shown.all;
    },
    exited: child.exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      terminal.close();
    },
  };
}

/** Where `aegis run --ask` is tried: what is put before it, and the flags that it needs there. */
export const askedLaunchers: readonly [string, () => readonly string[], readonly string[]][] = [
  ["with namespaces", () => [], []],
  ["without namespaces", () => [programs().noUserns], ["--allow-weaker"]],
  ["in a container", () => [programs().withFilter, programs().container], ["--allow-weaker"]],
];

/** For sh: Python that tells what each line makes of what `prelude` defines, and `over` then. */
export function tellingScript(
  place: AskedPlace,
  prelude: string,
  lines: readonly string[],
): string {
  const shown = lines.map((line) => `print("[%s]" % (${line},), flush=True)`);
  writeFileSync(join(place.workspace, "t.py"), [prelude, ...shown, 'print("over")'].join("\n"));
  return "exec /usr/bin/python3 -IS t.py";
}

/** What the lines of such a script told, in order. */
export function toldIn(screen: string): readonly string[] {
  return [...screen.matchAll(/^.*?\[([^\]\r]+)\]\r$/gm)].map(([, told = ""]) => told);
}

export interface AskedEvent {
  readonly event_type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Everything in the place's ledger, in order. */
export function eventsOf(place: AskedPlace): readonly AskedEvent[] {
  using database = new Database(join(place.env.AEGIS_HOME ?? "", "ledger.db"));
  return database
    .query<{ body: string }, []>("SELECT body FROM event ORDER BY idx")
    .all()
    .map(({ body }) => JSON.parse(body) as AskedEvent);
}

/** The same without a terminal, and without --ask unless `flags` say so. */
export function runUnasked(
  place: AskedPlace,
  script: string,
  flags: readonly string[] = [],
): Promise<Outcome> {
  const argv = ["run", "--quiet", "--policy", place.policy, ...flags, "--env", "OTHER"];
  return spawnAegis([...argv, "--", "sh", "-c", script], {
    env: place.env,
    cwd: place.workspace,
  });
}

/** A link that leads nowhere is there as well. */
export function isThere(folder: string, name: string): boolean {
  return lstatSync(join(folder, name), { throwIfNoEntry: false }) !== undefined;
}

export function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

export function textOf(path: string): string {
  return readFileSync(path, "utf8");
}

/** With --ask or not, in a session of its own, which has no terminal. */
export async function runWithoutTerminal(
  place: AskedPlace,
  script: string,
  flags: readonly string[],
): Promise<Outcome> {
  const argv = ["run", "--quiet", ...flags, "--policy", place.policy, "--env", "OTHER"];
  const child = Bun.spawn(["setsid", "-w", aegisBinary(), ...argv, "--", "sh", "-c", script], {
    cwd: place.workspace,
    env: cleanEnvironment(place.env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, exitCode: await child.exited };
}
