// The catalogue under aegis: with the default policy, with one that lets few programs run, and with
// a pattern.

import { type LedgerRow, ledgerRow } from "./left.ts";
import type { System } from "./run.ts";
import type { Scene } from "./scene.ts";

export const bare: System = { name: "bare", start: (_, argv) => argv };

const strictPolicy = `
@id("strict:read") permit(principal, action in [Aegis::Action::"FileRead", Aegis::Action::"DirList"], resource);
@id("strict:write") permit(principal, action in [Aegis::Action::"FileWrite", Aegis::Action::"FileDelete", Aegis::Action::"DirCreate"], resource) when { resource in context.workspace };
@id("strict:programs") permit(principal, action == Aegis::Action::"ProcessSpawn", resource) when { resource in [Aegis::Resource::"/usr", Aegis::Resource::"/bin", Aegis::Resource::"/lib64", Aegis::Resource::"BIN"] };
`;

export const aegis: System = {
  name: "aegis",
  start: (scene, argv) => [...aegisRun(scene), ...denials(scene), "--", ...argv],
  ledger: readLedger,
};

/** A pattern forbids files that do not exist yet. */
export const globAegis: System = {
  name: "aegis, pattern",
  start: (scene, argv) => [
    ...[...aegisRun(scene), ...denials(scene), "--deny", `${scene.workspace}/in/glob/*.pem`],
    ...["--", ...argv],
  ],
  ledger: readLedger,
};

/** Only programs of the system and of one folder may run. */
export const strictAegis: System = {
  name: "aegis, strict",
  start: (scene, argv) => {
    scene.write("strict.cedar", strictPolicy.replace("BIN", `${scene.workspace}/bin`));
    return [...aegisRun(scene), "--policy", `${scene.root}/strict.cedar`, "--", ...argv];
  },
  ledger: readLedger,
};

/** Nothing but a list of programs may run. */
export const sealedAegis: System = {
  name: "aegis, list of programs",
  start: (scene, argv) => [
    ...aegisRun(scene),
    ...["--exec", scene.attack, "--exec", "/bin/sh", "--exec", "/bin/true"],
    ...["--", ...argv],
  ],
  ledger: readLedger,
};

/** One port of this machine may be reached by TCP, and one by UDP, by name. */
export const namedAegis: System = {
  name: "aegis, a name",
  start: (scene, argv) => [
    ...[...aegisRun(scene), "--net", `localhost:${scene.granted}`],
    ...["--net", `udp:localhost:${scene.heard}`, "--", ...argv],
  ],
  ledger: readLedger,
};

function aegisRun(scene: Scene): string[] {
  return [scene.aegis, "run", "--quiet"];
}

function denials({ workspace, readable }: Scene): string[] {
  return [
    ...["--deny", `${workspace}/denied`],
    ...["--deny", `${workspace}/parent/kept`],
    ...["--read", readable],
  ];
}

interface LoggedEvent {
  readonly payload: Readonly<Record<string, unknown>>;
}

function readLedger(
  scene: Scene,
  setting: { through(argv: readonly string[]): string[] },
): LedgerRow[] {
  const argv = setting.through([scene.aegis, "log", "--last", "100000", "--json"]);
  const { stdout, exitCode, stderr } = Bun.spawnSync(argv, { env: { ...scene.env }, cwd: "/" });
  if (exitCode !== 0) throw new Error(`Cannot read the ledger: ${stderr}`);
  const { entries } = JSON.parse(stdout.toString()) as { entries: readonly LoggedEvent[] };
  return entries.flatMap(({ payload }) => ledgerRow(payload) ?? []);
}
