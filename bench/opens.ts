// What one open and close of an existing file costs: bare, at each audit level, under strace. One
// file again and again is what merges into few rows; a thousand files in turn is what does not.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Section, summarise } from "./report.ts";
import { brokerFlags, makeScene, type Scene } from "./scene.ts";
import { interleave, type Subject } from "./stopwatch.ts";

const opensPerMeasurement = 5000;
const distinctFiles = 1000;

/** One section for a single file, one for many. */
export async function measureOpens(rounds: number): Promise<Section[]> {
  const scene = makeScene("plain user");
  try {
    mkdirSync(join(scene.workspace, "many"));
    for (let number = 0; number < distinctFiles; number += 1) {
      writeFileSync(join(scene.workspace, "many", `${number}`), "");
    }
    scene.own(scene.workspace);
    return [await measure(scene, 1, rounds), await measure(scene, distinctFiles, rounds)];
  } finally {
    scene.remove();
  }
}

async function measure(scene: Scene, files: number, rounds: number): Promise<Section> {
  const loop = [scene.timer, "open", `${opensPerMeasurement}`, "many", `${files}`];
  const strace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=file"];
  const subjects: Subject[] = [
    { name: "bare", argv: scene.as(loop) },
    { name: "aegis, audit off", argv: scene.boxed("off", loop) },
    { name: "aegis, audit writes", argv: scene.boxed("writes", loop) },
    { name: "aegis, audit full", argv: scene.boxed("full", loop) },
    { name: "aegis, everything on", argv: scene.boxed("full", loop, brokerFlags) },
    { name: "strace", argv: scene.as([...strace, ...loop]), every: 3 },
  ];
  const samples = await interleave(subjects, {
    directory: scene.workspace,
    env: scene.env,
    rounds,
  });
  const what = files === 1 ? "the same file" : `${files} files in turn`;
  return summarise({ title: `open and close, ${what}`, unit: "µs", base: "bare" }, samples, [], {
    perSample: opensPerMeasurement,
  });
}
