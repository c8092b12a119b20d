// Resident memory of the process that supervises a box, idle and after many accesses, beside a
// compiled server.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../test/support/harness.ts";
import { compileBun } from "./launch.ts";
import { type Section, summarise } from "./report.ts";
import { aegisRun, makeScene, type Scene } from "./scene.ts";

const goals = [{ row: "aegis, idle box", of: "Bun hello server", max: 1.5 }] as const;

/** Starts each program `rounds` times and reads what it keeps in memory once it has settled. */
export async function measureMemory(rounds: number): Promise<Section> {
  const scene = makeScene("plain user");
  try {
    const server = buildServer(scene);
    const files = makeFiles(scene);
    const read = [
      "sh",
      "-c",
      `for i in 1 2 3 4 5; do cat ${files}/*; done; touch ready; exec sleep 60`,
    ];
    // The first launch compiles the policy; what it needed for that is not what a box costs.
    Bun.spawnSync(scene.as([...aegisRun("full"), "true"]), {
      cwd: scene.workspace,
      env: scene.env,
    });
    const byName = new Map<string, number[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, argv] of [
        ["Bun hello server", [server]],
        ["aegis, idle box", [...aegisRun("full"), "sh", "-c", "touch ready; exec sleep 60"]],
        ["aegis, after 25,000 opens", [...aegisRun("full"), ...read]],
      ] as const) {
        const samples = byName.get(name) ?? [];
        samples.push(await settledMegabytes(scene, argv));
        byName.set(name, samples);
      }
    }
    return summarise(
      { title: "resident memory of the supervising process", unit: "MB", base: "Bun hello server" },
      [...byName].map(([name, byRound]) => ({ name, byRound, cpu: [] })),
      goals,
    );
  } finally {
    scene.remove();
  }
}

async function settledMegabytes(scene: Scene, argv: readonly string[]): Promise<number> {
  const ready = join(scene.workspace, "ready");
  Bun.spawnSync(["rm", "-f", ready]);
  const child = Bun.spawn(scene.as(argv), {
    cwd: scene.workspace,
    env: { ...scene.env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    await waitFor("the program to be ready", () => Bun.file(ready).exists(), 60_000);
    // Longer than the supervisor waits before it gives back what starting took.
    await Bun.sleep(2000);
    return residentMegabytes(child.pid);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

function residentMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

function buildServer(scene: Scene): string {
  const folder = join(scene.workspace, "server");
  mkdirSync(folder);
  const source = join(folder, "server.ts");
  writeFileSync(
    source,
    [
      'Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });',
      'await Bun.write("ready", "");',
    ].join("\n"),
  );
  return compileBun(source, join(folder, "server"));
}

function makeFiles(scene: Scene): string {
  const folder = join(scene.workspace, "many");
  mkdirSync(folder);
  for (let number = 0; number < 5000; number += 1) writeFileSync(join(folder, `${number}`), "");
  scene.own(folder);
  return readdirSync(folder).length === 5000 ? "many" : folder;
}
