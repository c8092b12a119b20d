// Agents as they are shipped, run for the first time in a home that has nothing of them: each asks
// a model on loopback what to do, does it, and is told what the box refused. The model's API gets
// the key, the box has a placeholder.

import { afterAll, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { settings } from "../../support/box.ts";
import { testWith } from "../../support/features.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { lastWords, type ModelApi, serveModel } from "../../support/model-api.ts";

afterAll(removeScenes);

const kernel = ["linux", "landlock", "seccomp"] as const;
const secret = "sk-real-0123456789abcdef";

interface Agent {
  readonly name: "claude" | "gemini";
  readonly variable: string;
  readonly env: (place: string) => Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** Before it is run for the first time, in the home folder. */
  readonly settings?: readonly [string, string];
  /** In the home folder, once it has run. */
  readonly made: string;
}

const agents: readonly Agent[] = [
  {
    name: "claude",
    variable: "ANTHROPIC_API_KEY",
    env: (place) => ({
      ANTHROPIC_BASE_URL: place,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      // As root it does not work without being asked otherwise.
      IS_SANDBOX: "1",
    }),
    args: ["-p", "Go on.", "--dangerously-skip-permissions"],
    made: ".claude/projects",
  },
  {
    name: "gemini",
    variable: "GEMINI_API_KEY",
    env: (place) => ({
      GOOGLE_GEMINI_BASE_URL: place,
      GEMINI_CLI_TRUST_WORKSPACE: "true",
    }),
    args: ["--model", "gemini-2.5-flash", "--yolo", "--prompt", "Go on."],
    settings: [
      ".gemini/settings.json",
      JSON.stringify({
        security: { auth: { selectedType: "gemini-api-key" } },
        privacy: { usageStatisticsEnabled: false },
      }),
    ],
    made: ".gemini/tmp",
  },
];

for (const setting of settings()) {
  for (const agent of agents) {
    const needs = [...kernel, `tool ${agent.name}`] as const;
    testWith(
      needs,
      `${setting.name}: ${agent.name} works, and is told what is refused`,
      async () => {
        const scene = makeScene(setting);
        const key = join(scene.home, ".ssh/id_ed25519");
        place(scene, ".ssh/id_ed25519", "PRIVATE");
        if (agent.settings !== undefined) place(scene, ...agent.settings);
        const model = serveModel(`cat ${key}; echo made > out.txt; ls`);
        const { stdout, stderr, exitCode } = await run(scene, agent, model);
        expect(`${exitCode} ${stderr}`).toStartWith("0");
        expect(stdout).toContain(lastWords);
        expect(model.keys).toEqual(model.keys.map(() => secret));
        const [result] = model.results;
        expect(result).toContain("Permission denied");
        expect(result).toContain("out.txt");
        expect(result).not.toContain("PRIVATE");
        expect(existsSync(join(scene.home, agent.made))).toBeTrue();
        expect(stderr).not.toContain(`DirCreate ${scene.home}/`);
        expect(stderr).toContain(`denied FileRead ${key}: denied by credentials:ssh`);
        const wrote = await runIn(scene, ["log", "--json", "--last", "2000"]);
        expect(wrote.stdout).toContain(`${scene.ws}/out.txt`);
        expect(await runIn(scene, ["audit", "verify"])).toMatchObject({ exitCode: 0 });
      },
    );
  }
}

for (const setting of settings()) {
  testWith(
    kernel,
    `${setting.name}: an agent's folders are made, and not their neighbours`,
    async () => {
      const scene = makeScene(setting);
      const script = [
        "cd; set -x; mkdir -p .claude/projects .codex .gemini",
        "echo x > .claude.json.tmp.1 && mv .claude.json.tmp.1 .claude.json && cat .claude.json",
        "mkdir .other; echo x > .claude/settings.json; echo x > .claude.json2; echo x > .gemini2",
      ].join("\n");
      const profiles = ["--profile", "claude", "--profile", "codex", "--profile", "gemini"];
      const weaker = weakerIn(scene);
      await runIn(scene, ["run", ...weaker, ...profiles, "--", "sh", "-c", script]);
      expect(madeIn(scene.home)).toEqual([".claude", ".claude.json", ".codex", ".gemini"]);
      expect(madeIn(join(scene.home, ".claude"))).toEqual(["projects"]);
      const without = makeScene(setting);
      await runIn(without, ["run", ...weaker, "--", "sh", "-c", script]);
      expect(madeIn(without.home)).toEqual([]);
    },
  );
}

/** Beside what aegis keeps there. */
function madeIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name !== ".aegis")
    .sort();
}

function weakerIn({ setting }: Scene): readonly string[] {
  return setting.name.endsWith("no namespaces") ? ["--allow-weaker"] : [];
}

function run(scene: Scene, agent: Agent, { port }: ModelApi) {
  const place = `http://127.0.0.1:${port}`;
  const program = realpathSync(Bun.which(agent.name) ?? "");
  // npm's folder, of which a package is one part.
  const installed = program.slice(0, program.indexOf("/node_modules/")) || dirname(program);
  const granted = join(scene.ws, "programs.cedar");
  writeFileSync(granted, runs(installed));
  const flags = [
    ...["--policy", "workspace", "--policy", granted, "--profile", agent.name, ...weakerIn(scene)],
    ...["--net", `localhost:${port}`, "--credential", `${agent.variable}@${place}`],
  ];
  const env = { [agent.variable]: secret, ...agent.env(place) };
  return runIn(scene, ["run", ...flags, "--", program, ...agent.args], { env });
}

function runs(folder: string): string {
  const actions = ["FileRead", "DirList", "ProcessSpawn"].map((one) => `Aegis::Action::"${one}"`);
  const where = `resource in Aegis::Resource::${JSON.stringify(folder)}`;
  return `permit(principal, action in [${actions.join(", ")}], resource) when { ${where} };`;
}

function place(scene: Scene, name: string, text: string): void {
  const path = join(scene.home, name);
  mkdirSync(dirname(path));
  writeFileSync(path, text);
  own(scene, dirname(path));
}
