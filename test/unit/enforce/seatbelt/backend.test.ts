// Preparing and launching with a stand-in for sandbox-exec: everything but the kernel is real.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AegisError } from "../../../../src/base/errors.ts";
import type { BoxAccess, BoxLaunch, BoxRequest } from "../../../../src/enforce/backend.ts";
import { realDisk } from "../../../../src/enforce/linux/paths/disk.ts";
import type { AccessSource, Watch } from "../../../../src/enforce/seatbelt/access-source.ts";
import { seatbeltBackend } from "../../../../src/enforce/seatbelt/backend.ts";
import { ignoresCase, type SeatbeltMachine } from "../../../../src/enforce/seatbelt/machine.ts";
import { decodePrepared } from "../../../../src/enforce/seatbelt/prepared.ts";
import type { Action, Atom, Capability } from "../../../../src/model/capability.ts";
import { repoRoot } from "../../../support/harness.ts";
import { SbplProfile } from "../../../support/sbpl-evaluator.ts";
import { callsOf, type StandIn, standIn } from "../../../support/seatbelt-programs.ts";
import { tempDir } from "../../../support/temp.ts";

function rule(
  effect: "permit" | "forbid",
  actions: readonly Action[],
  ...where: readonly Atom[]
): Capability {
  const origin = { rule: `${effect}-${actions[0]}`, source: "p.cedar", line: 1, column: 1 };
  return { effect, actions, agent: undefined, where, origin };
}

function below(path: string): Atom {
  return { kind: "path-in", path, negated: false };
}

interface Setting {
  readonly sandboxExec: StandIn;
  readonly workspace: string;
  readonly machine: SeatbeltMachine;
}

function setting(change: Partial<SeatbeltMachine> = {}): Setting {
  const sandboxExec = standIn("sandbox-exec");
  const machine: SeatbeltMachine = {
    sandboxExec: sandboxExec.program,
    trialProgram: "/usr/bin/true",
    disk: realDisk(),
    ignoresCase: () => false,
    sources: [],
    ...change,
  };
  return { sandboxExec, workspace: tempDir("workspace"), machine };
}

function request(workspace: string, change: Partial<BoxRequest> = {}): BoxRequest {
  const actions = ["FileRead", "FileWrite", "FileDelete", "DirCreate", "DirList"] as const;
  return {
    capabilities: { version: 1, capabilities: [rule("permit", actions, below(workspace))] },
    agent: "agent",
    workspace,
    home: "/Users/me",
    audit: "full",
    ownPaths: [],
    allowWeaker: false,
    observeOnly: false,
    ...change,
  };
}

function shell(directory: string, script: string, ...rest: readonly string[]): BoxLaunch {
  const argv = ["sh", "-c", script, ...rest];
  const environment = ["PATH=/usr/bin:/bin"];
  return { program: "/bin/sh", argv, environment, directory, stdoutToStderr: true };
}

async function failure(work: Promise<unknown>): Promise<AegisError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof AegisError) return error;
    throw error;
  }
  throw new Error("it went well");
}

const ignore = () => undefined;

describe("prepare", () => {
  test("tries the profile on the machine and keeps what it takes", async () => {
    const { sandboxExec, workspace, machine } = setting();
    const box = await seatbeltBackend(machine).prepare(request(workspace));
    const [[flag, profile = "", dashes, program] = [], ...more] = callsOf(sandboxExec);
    expect([flag, dashes, program, more]).toEqual(["-p", "--", "/usr/bin/true", []]);
    const trial = { operation: "process-exec*", path: "/usr/bin/true" };
    expect(new SbplProfile(profile).decide(trial).allowed).toBe(true);
    expect(decodePrepared(box.bytes).profile?.pieces.join("T")).not.toContain("/usr/bin/true");
    expect(box.coverage.filter(({ level }) => level === "enforced").length).toBeGreaterThan(5);
    expect(box.facts).toContainEqual({ path: workspace, kind: "directory", realPath: workspace });
  });

  test("goes without what the machine's release does not know, when told to", async () => {
    const { sandboxExec, workspace, machine } = setting();
    sandboxExec.write("refuse", "ioctl-command");
    const backend = seatbeltBackend(machine);
    const error = await failure(backend.prepare(request(workspace)));
    expect([error.code, error.message]).toEqual([
      "enforce/insufficient",
      expect.stringContaining("terminal would be weaker"),
    ]);
    const box = await backend.prepare(request(workspace, { allowWeaker: true }));
    expect(box.coverage.find(({ protection }) => protection === "terminal")?.level).toBe("weaker");
  });

  test("stops when the machine refuses the rest, --allow-weaker or not", async () => {
    const { sandboxExec, workspace, machine } = setting();
    sandboxExec.write("refuse", "version 1");
    const wanted = request(workspace, { allowWeaker: true });
    const error = await failure(seatbeltBackend(machine).prepare(wanted));
    expect([error.code, error.message]).toEqual([
      "enforce/insufficient",
      expect.stringContaining("unbound variable: version 1"),
    ]);
  });

  test("stops when there is no sandbox-exec", async () => {
    const { workspace, machine } = setting({ sandboxExec: "/nowhere/sandbox-exec" });
    const error = await failure(seatbeltBackend(machine).prepare(request(workspace)));
    expect(error.code).toBe("enforce/unsupported");
  });

  test("names every clause macOS cannot hold", async () => {
    const { sandboxExec, workspace, machine } = setting();
    const host = (name: string): Atom => ({ kind: "host-equals", host: name, negated: false });
    const capabilities = [
      rule("permit", ["NetBind"], host("a.example")),
      rule("permit", ["NetBind"], host("b.example")),
    ];
    const wanted = request(workspace, { capabilities: { version: 1, capabilities } });
    const error = await failure(seatbeltBackend(machine).prepare(wanted));
    expect(error.code).toBe("policy/inexpressible");
    expect(error.message).toContain("a.example");
    expect(error.message).toContain("b.example");
    expect(callsOf(sandboxExec)).toEqual([]);
  });

  test("no grant opens our own state", async () => {
    const { sandboxExec, workspace, machine } = setting();
    const own = join(workspace, ".aegis");
    await seatbeltBackend(machine).prepare(request(workspace, { ownPaths: [own] }));
    const profile = new SbplProfile(callsOf(sandboxExec)[0]?.[1] ?? "");
    const write = (path: string) =>
      profile.decide({ operation: "file-write-data", path, vnode: "REGULAR-FILE" }).allowed;
    expect([write(join(own, "ledger.db")), write(join(workspace, "a"))]).toEqual([false, true]);
  });

  test("a forbid on a link holds for the link and for what it leads to", async () => {
    const { sandboxExec, workspace, machine } = setting();
    mkdirSync(join(workspace, "real"));
    symlinkSync("real", join(workspace, "link"));
    const wanted = request(workspace);
    const forbid = rule("forbid", ["FileWrite", "FileDelete"], below(join(workspace, "link")));
    const capabilities = [...wanted.capabilities.capabilities, forbid];
    await seatbeltBackend(machine).prepare({
      ...wanted,
      capabilities: { version: 1, capabilities },
    });
    const profile = new SbplProfile(callsOf(sandboxExec)[0]?.[1] ?? "");
    const may = (operation: string, name: string) =>
      profile.decide({ operation, path: join(workspace, name), vnode: "REGULAR-FILE" }).allowed;
    expect(may("file-write-data", "real/a")).toBe(false);
    expect(may("file-write-unlink", "link")).toBe(false);
    expect(may("file-write-data", "other")).toBe(true);
  });

  test("on a volume that ignores case, protected names are folded below what exists", async () => {
    const { sandboxExec, workspace, machine } = setting({ ignoresCase: () => true });
    const wanted = request(workspace);
    const forbid = rule("forbid", ["FileWrite"], below(join(workspace, ".claude")));
    const capabilities = [...wanted.capabilities.capabilities, forbid];
    await seatbeltBackend(machine).prepare({
      ...wanted,
      capabilities: { version: 1, capabilities },
    });
    const profile = new SbplProfile(callsOf(sandboxExec)[0]?.[1] ?? "");
    const path = join(workspace, ".Claude/settings.json");
    const access = { operation: "file-write-create", path, vnode: "REGULAR-FILE" } as const;
    expect(profile.decide(access).allowed).toBe(false);
  });
});

describe("launch", () => {
  test("becomes the command, with its arguments, environment, folder and status", async () => {
    const { sandboxExec, workspace, machine } = setting();
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    const script = 'pwd >place; printf "%s|" "$0" "$@" >arguments; exit 7';
    const launch = shell(workspace, script, "a b", '"; rm -rf x', "", "--");
    const running = await backend.launch(
      box,
      {
        ...launch,
        environment: [
          "PATH=/usr/bin:/bin",
          "KEPT=a=b",
          "DYLD_INSERT_LIBRARIES=/x.dylib",
          "BUN_BE_BUN=1",
        ],
      },
      ignore,
    );
    expect(await running.exited).toEqual({ status: 7, signal: undefined, failure: undefined });
    expect(readFileSync(join(workspace, "place"), "utf8")).toBe(`${workspace}\n`);
    expect(readFileSync(join(workspace, "arguments"), "utf8")).toBe('a b|"; rm -rf x||--|');
    const environment = sandboxExec.note("environment");
    expect(environment).toContain("KEPT=a=b\n");
    expect(environment).not.toMatch(/DYLD_|BUN_/);
  });

  for (const [stdoutToStderr, wanted] of [
    [false, { stdout: "out\n", stderr: "err\n" }],
    [true, { stdout: "", stderr: "out\nerr\n" }],
  ] as const) {
    test(`standard output goes ${stdoutToStderr ? "to standard error" : "its own way"}`, () => {
      const { sandboxExec, workspace } = setting();
      const runner = join(repoRoot, "test/fixtures/seatbelt/launch.ts");
      const child = Bun.spawnSync(
        [process.execPath, runner, sandboxExec.program, workspace, String(stdoutToStderr)],
        { stdio: ["ignore", "pipe", "pipe"] },
      );
      const [stdout, stderr] = [child.stdout.toString(), child.stderr.toString()];
      expect({ stdout, stderr }).toEqual(wanted);
    });
  }

  test("every launch of one box has a tag of its own", async () => {
    const { sandboxExec, workspace, machine } = setting();
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    for (let round = 0; round < 2; round++) {
      await (await backend.launch(box, shell(workspace, "exit 0"), ignore)).exited;
    }
    const tags = callsOf(sandboxExec).map(
      ([, profile]) => /"0\.([a-z0-9]+)"/.exec(profile ?? "")?.[1],
    );
    expect(new Set(tags).size).toBe(3);
  });

  test("a signal ends the command and is in its status", async () => {
    const { workspace, machine } = setting();
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    const running = await backend.launch(box, shell(workspace, "exec sleep 60"), ignore);
    running.kill("SIGTERM");
    expect(await running.exited).toEqual({ status: 143, signal: 15, failure: undefined });
  });

  test("a folder that is gone is a failure, not a status of the command", async () => {
    const { workspace, machine } = setting();
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    const launch = shell(join(workspace, "gone"), "exit 0");
    const exit = await (await backend.launch(box, launch, ignore)).exited;
    expect([exit.status, exit.failure?.step]).toEqual([125, "launch"]);
  });

  test("to watch is to run without sandbox-exec", async () => {
    const { sandboxExec, workspace, machine } = setting();
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace, { observeOnly: true }));
    await (await backend.launch(box, shell(workspace, "echo x >made"), ignore)).exited;
    expect(callsOf(sandboxExec)).toEqual([]);
    expect(existsSync(join(workspace, "made"))).toBe(true);
    const levels = box.coverage.map(({ protection, level }) => [protection, level]);
    expect(levels.filter(([, level]) => level !== "not-asked")).toEqual([["audit", "weaker"]]);
  });

  test("bytes of another form are refused", async () => {
    const { workspace, machine } = setting();
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    for (const text of ["", "{}", '{"version":2}', '{"version":1,"pieces":[1]}']) {
      const broken = { ...box, bytes: new TextEncoder().encode(text) };
      const error = await failure(backend.launch(broken, shell(workspace, "exit 0"), ignore));
      expect(error.code).toBe("internal");
    }
  });
});

/** A real source: tells one access when it is opened and one when it is closed. */
function source(name: string, told: string[], failing: "open" | "close" | "never" = "never") {
  const access = (path: string): BoxAccess => ({
    tsUnixMs: 1,
    payload: {
      action: "FileRead",
      path,
      decision: "deny",
      rule: "",
      reason: "",
      pid: 1,
      exe: "",
      flags: "",
      count: 1,
    },
  });
  const one: AccessSource = {
    async open(watch: Watch, record) {
      if (failing === "open") throw new AegisError("enforce/unsupported", `${name} fails`);
      told.push(`open ${name} ${watch.roots.length}`);
      await record([access(`${name} first`)]);
      return {
        async close() {
          if (failing === "close") throw new AegisError("enforce/unsupported", `${name} fails`);
          told.push(`close ${name}`);
          await record([access(`${name} last`)]);
        },
      };
    },
  };
  return one;
}

describe("sources", () => {
  test("are open before the command starts and heard to the end before it counts as ended", async () => {
    const told: string[] = [];
    const { workspace, machine } = setting({ sources: [source("a", told), source("b", told)] });
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    const recorded: string[] = [];
    const running = await backend.launch(box, shell(workspace, "exit 3"), async (accesses) => {
      await Promise.resolve();
      recorded.push(...accesses.map(({ payload }) => payload.path));
    });
    expect(told).toEqual(["open a 1", "open b 1"]);
    expect((await running.exited).status).toBe(3);
    expect(recorded).toEqual(["a first", "b first", "a last", "b last"]);
  });

  test("get one batch after the other", async () => {
    const { workspace, machine } = setting({ sources: [source("a", []), source("b", [])] });
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    let open = 0;
    let most = 0;
    const running = await backend.launch(box, shell(workspace, "exit 0"), async () => {
      open += 1;
      most = Math.max(most, open);
      await Bun.sleep(1);
      open -= 1;
    });
    await running.exited;
    expect([most, open]).toEqual([1, 0]);
  });

  test("are not asked without an audit", async () => {
    const told: string[] = [];
    const { workspace, machine } = setting({ sources: [source("a", told)] });
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace, { audit: "off" }));
    await (await backend.launch(box, shell(workspace, "exit 0"), ignore)).exited;
    expect(told).toEqual([]);
  });

  test("one that cannot open keeps the command from starting, and the others are closed", async () => {
    const told: string[] = [];
    const sources = [source("a", told), source("b", told, "open")];
    const { workspace, machine } = setting({ sources });
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    const launch = shell(workspace, "echo x >made");
    expect((await failure(backend.launch(box, launch, ignore))).message).toBe("b fails");
    expect(told).toEqual(["open a 1", "close a"]);
    expect(existsSync(join(workspace, "made"))).toBe(false);
  });

  test("one that lost something makes the run fail", async () => {
    const { workspace, machine } = setting({ sources: [source("a", [], "close")] });
    const backend = seatbeltBackend(machine);
    const box = await backend.prepare(request(workspace));
    const running = await backend.launch(box, shell(workspace, "exit 0"), ignore);
    expect((await failure(running.exited)).message).toBe("a fails");
  });
});

describe("ignoresCase() asks the volume", () => {
  test("a volume that tells names apart", () => {
    const directory = tempDir("case");
    mkdirSync(join(directory, "name"));
    mkdirSync(join(directory, "NAME"));
    writeFileSync(join(directory, "NAME", "x"), "");
    expect(ignoresCase(join(directory, "name"))).toBe(false);
  });
  test("what cannot be told counts as yes", () => {
    expect(ignoresCase("/")).toBe(true);
    expect(ignoresCase("/nowhere/at/all")).toBe(true);
  });
});
