// Whole programs: what a box and its record cost them. The stopwatch runs inside the box, so that
// the launch is not part of it; the rows "whole command" are `aegis run -- CMD` as a person sees
// it.

import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Goal, type Section, summarise } from "./report.ts";
import { aegisRun, brokerFlags, makeScene, type Scene } from "./scene.ts";
import { compileC, interleave, type Subject } from "./stopwatch.ts";

interface Program {
  readonly name: string;
  readonly argv: readonly string[];
  /** Names in the working folder that a run leaves behind. */
  readonly leaves: readonly string[];
  /** The disk's own time would hide what each call costs: measured in memory as well. */
  readonly writesMany?: true;
  /** Rounds relative to the others: short programs need more to settle. */
  readonly weight: number;
}

const modules = [
  "json,ssl,sqlite3,asyncio,http.client,http.server,urllib.request,email.message",
  "logging.config,multiprocessing.pool,unittest,xml.dom.minidom,ctypes,decimal",
  "argparse,zipfile,tarfile,tempfile,shutil,socketserver,difflib,pdb,csv",
  "configparser,concurrent.futures,statistics,secrets,uuid,ipaddress,html.parser",
].join(",");

const programs: readonly Program[] = [
  { name: "git status", argv: ["git", "-C", "repo", "status"], leaves: [], weight: 4 },
  {
    name: "git clone",
    argv: ["git", "clone", "-q", "repo", "clone"],
    leaves: ["clone"],
    writesMany: true,
    weight: 1,
  },
  { name: "gcc build", argv: ["make", "-s", "-B", "-C", "build"], leaves: [], weight: 1 },
  {
    name: "python imports",
    argv: ["python3", "-c", `import ${modules}`],
    leaves: [],
    weight: 1,
  },
  {
    name: "npm install",
    // A box has a cache of its own in memory, so all get one in the same place.
    argv: [
      ...["npm", "install", "--offline", "--no-audit", "--no-fund"],
      ...["--cache", "npm-cache", "--prefix", "app", "./p.tgz"],
    ],
    leaves: ["app/node_modules", "app/package-lock.json"],
    writesMany: true,
    weight: 1,
  },
  { name: "tar", argv: ["tar", "-cf", "repo.tar", "repo"], leaves: ["repo.tar"], weight: 2 },
];

const goals: readonly Goal[] = [
  { row: "audit off", of: "bare", max: 1.05 },
  { row: "audit writes", of: "bare", max: 1.1 },
  { row: "audit full", of: "bare", max: 1.25 },
  { row: "everything on", of: "bare", max: 1.35 },
];

/** One section per program. */
export async function measurePrograms(
  rounds: number,
  options: { readonly where: "disk" | "memory"; readonly only: string | undefined },
): Promise<Section[]> {
  const scene = makeScene("plain user", options.where);
  try {
    prepare(scene);
    const watcher = compileC("continue", scene.home);
    const sections: Section[] = [];
    for (const program of programs) {
      if (options.only !== undefined && !program.name.includes(options.only)) continue;
      if (options.where === "memory" && !program.writesMany) continue;
      const title = options.where === "disk" ? program.name : `${program.name}, in memory`;
      sections.push(
        await measureProgram(scene, watcher, { ...program, name: title }, rounds * program.weight),
      );
    }
    return sections;
  } finally {
    scene.remove();
  }
}

/** @param watcher compiled continue.c */
async function measureProgram(
  scene: Scene,
  watcher: string,
  program: Program,
  rounds: number,
): Promise<Section> {
  const inside = [scene.timer, "run", ...program.argv];
  const whole = (argv: readonly string[]) => scene.as([scene.timer, "run", ...argv]);
  const strace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=file"];
  const subjects: Subject[] = [
    { name: "bare", argv: scene.as(inside) },
    { name: "audit off", argv: scene.boxed("off", inside) },
    { name: "audit writes", argv: scene.boxed("writes", inside) },
    { name: "audit full", argv: scene.boxed("full", inside) },
    { name: "everything on", argv: scene.boxed("full", inside, brokerFlags) },
    {
      name: "whole command, audit off",
      argv: whole([...aegisRun("off"), ...program.argv]),
      every: 3,
    },
    {
      name: "whole command, audit full",
      argv: whole([...aegisRun("full"), ...program.argv]),
      every: 3,
    },
    { name: "least notification", argv: scene.as([watcher, ...inside]) },
    { name: "strace", argv: scene.as([...strace, ...inside]), every: 3 },
  ];
  const samples = await interleave(subjects, {
    directory: scene.workspace,
    env: scene.env,
    rounds,
    reset: () => {
      for (const name of program.leaves) {
        rmSync(join(scene.workspace, name), { recursive: true, force: true });
      }
      // Else the next measurement pays for writing back what this removed.
      if (program.leaves.length > 0) Bun.spawnSync(["sync", "-f", scene.workspace]);
    },
  });
  return summarise({ title: program.name, unit: "ms", base: "bare" }, samples, goals);
}

function prepare(scene: Scene): void {
  makeRepository(scene);
  makeProgram(join(scene.workspace, "build"));
  makePackage(scene);
  scene.own(scene.home);
}

const folderCount = 60;
const filesPerFolder = 50;

function makeRepository(scene: Scene): void {
  const repo = join(scene.workspace, "repo");
  for (let folder = 0; folder < folderCount; folder += 1) {
    const path = join(repo, `folder-${folder % 6}`, `part-${folder}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < filesPerFolder; file += 1) {
      const lines = linesOf(folder * filesPerFolder + file);
      writeFileSync(join(path, `file-${file}.txt`), `line ${folder} of ${file}\n`.repeat(lines));
    }
  }
  const identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
  for (const argv of [
    ["init", "-q", "-b", "main"],
    ["add", "."],
    [...identity, "commit", "-q", "-m", "all"],
    ["gc", "-q"],
  ]) {
    const done = Bun.spawnSync(["git", ...argv], { cwd: repo, env: { ...scene.env } });
    if (done.exitCode !== 0) throw new Error(`Cannot make the repository: ${done.stderr}`);
  }
}

/** Sizes like those of source files: most are small, median 3 KB, mean 11 KB, largest 64 KB. */
function linesOf(file: number): number {
  const share = ((file * 2654435761) % 4096) / 4096;
  return Math.round(20 + 4000 * share ** 6 + 250 * share);
}

const sourceCount = 12;

function makeProgram(folder: string): void {
  mkdirSync(folder);
  const names = Array.from({ length: sourceCount }, (_, index) => `part${index}`);
  for (const name of names) {
    const headers = ["stdio", "stdlib", "string", "math", "errno", "unistd"];
    const includes = headers.map((header) => `#include <${header}.h>`).join("\n");
    writeFileSync(join(folder, `${name}.c`), `${includes}\nint ${name}(void) { return 1; }\n`);
  }
  const calls = names.map((name) => `${name}()`).join(" + ");
  const declared = names.map((name) => `int ${name}(void);`).join("\n");
  writeFileSync(join(folder, "main.c"), `${declared}\nint main(void) { return ${calls} == 0; }\n`);
  const objects = [...names, "main"].map((name) => `${name}.o`).join(" ");
  writeFileSync(join(folder, "Makefile"), `program: ${objects}\n\tcc -o $@ ${objects}\n`);
}

const packageFiles = 300;

function makePackage(scene: Scene): void {
  const source = join(scene.home, "package");
  mkdirSync(join(source, "lib"), { recursive: true });
  writeFileSync(join(source, "package.json"), '{"name":"bench-package","version":"1.0.0"}\n');
  for (let file = 0; file < packageFiles; file += 1) {
    writeFileSync(join(source, `lib/module-${file}.js`), `export const value = ${file};\n`);
  }
  const packed = Bun.spawnSync(["npm", "pack", "--silent", source], {
    cwd: scene.workspace,
    env: { ...scene.env },
  });
  if (packed.exitCode !== 0) throw new Error(`Cannot make the tarball: ${packed.stderr}`);
  const tarball = readdirSync(scene.workspace).find((name) => name.endsWith(".tgz")) ?? "";
  cpSync(join(scene.workspace, tarball), join(scene.workspace, "p.tgz"));
  mkdirSync(join(scene.workspace, "app"));
  writeFileSync(join(scene.workspace, "app/package.json"), '{"name":"app"}\n');
}
