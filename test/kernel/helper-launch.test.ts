// What a command finds when the helper has started it, and what the helper says when it cannot.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createFrameDecoder } from "../../src/bridge/decode-frames.ts";
import { encodePlan } from "../../src/bridge/encode-plan.ts";
import { spawnHelper } from "../../src/bridge/helper.ts";
import { testWith } from "../support/features.ts";
import {
  allBut,
  allNamespaces,
  audited,
  type BoxPlan,
  forbid,
  helperFile,
  planFor,
  runBox,
  runShell,
  testHelper,
} from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const settings: readonly [name: string, plan: BoxPlan][] = [
  ["with every namespace", { namespaces: allNamespaces(), mounts: [{ kind: "proc" }] }],
  ["without namespaces", {}],
];

for (const [setting, plan] of settings) {
  describe(setting, () => {
    const needs = plan.namespaces === undefined ? (["linux"] as const) : (["userns"] as const);
    const ends: [script: string, status: number, signal: number | undefined][] = [
      ["exit 0", 0, undefined],
      ["exit 7", 7, undefined],
      ["exit 255", 255, undefined],
      ["kill -TERM $$", 143, 15],
      ["kill -KILL $$", 137, 9],
      ["kill -SEGV $$", 139, 11],
    ];
    for (const [script, status, signal] of ends) {
      testWith(needs, `"${script}" ends with ${status}`, async () => {
        const { exit } = await runShell(script, plan);
        expect(exit.status).toBe(status);
        expect(exit.exited).toMatchObject({ status, signal });
        expect(exit.failed).toBeUndefined();
      });
    }

    testWith(needs, "the command has its own words, environment, directory and umask", async () => {
      const directory = tempDir("cwd");
      const out = join(directory, "out");
      const script = `{ echo "$0 $1"; env; pwd; umask; } >${out}`;
      await runBox(["/bin/sh", "-c", script, "zero", "one two"], {
        ...plan,
        directory,
        umask: 0o27,
        environment: ["A=1", "EMPTY=", "ODD= x=y "],
      });
      const lines = readFileSync(out, "utf8").trim().split("\n");
      expect(lines[0]).toBe("zero one two");
      expect(lines.slice(1, -2).filter((line) => !/^(PWD|OLDPWD|_|SHLVL)=/.test(line))).toEqual([
        "A=1",
        "EMPTY=",
        "ODD= x=y ",
      ]);
      expect(lines.slice(-2)).toEqual([directory, "0027"]);
    });

    testWith(needs, "no capability, no new privilege and no descriptor is left", async () => {
      const { output } = await runShell("cat /proc/self/status; ls /proc/$$/fd", plan);
      const status = Object.fromEntries(
        output.split("\n").map((line) => line.split(":\t") as [string, string]),
      );
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"])
        expect([set, status[set]]).toEqual([set, "0000000000000000"]);
      expect(status.NoNewPrivs).toBe("1");
      expect(status.SigBlk).toBe("0000000000000000");
      // 32 and 33 are the C library's own; the one of the sanitizers' build ignores the first.
      const ignored = BigInt(`0x${status.SigIgn}`) & ~0x1_8000_0000n;
      expect(ignored).toBe(0n);
      // dash keeps a copy of a redirected descriptor at 10.
      expect(
        output
          .split("\n")
          .filter((line) => /^\d+$/.test(line))
          .filter((fd) => Number(fd) < 10),
      ).toEqual(["0", "1", "2"]);
    });

    testWith(needs, "resource limits are the plan's", async () => {
      const nofile = { resource: 7, soft: 50n, hard: 60n };
      const { output } = await runShell("ulimit -Sn; ulimit -Hn", { ...plan, rlimits: [nofile] });
      expect(output).toBe("50\n60\n");
    });

    testWith(needs, "started names the command's pid as it is outside", async () => {
      const { frames } = await runShell("exit 0", plan);
      const [started] = frames;
      expect(started).toMatchObject({ kind: "started" });
      const pid = started?.kind === "started" ? started.pid : 0;
      expect(pid).toBeGreaterThan(100);
    });

    testWith(needs, "the broker cannot be signalled, read or traced from the box", async () => {
      const landlock = { handledFs: 0n, handledNet: 0n, scoped: 0n, paths: [], ports: [] };
      const script = `kill -9 $PPID && echo killed; cat /proc/$PPID/environ && echo read
        cat /proc/$PPID/maps && echo read; readlink /proc/$PPID/fd/3 /proc/$PPID/cwd && echo linked; echo end`;
      const { output, exit } = await runShell(script, { ...plan, landlock });
      expect(output.split("\n").filter((line) => /^(killed|read|linked|end)$/.test(line))).toEqual([
        "end",
      ]);
      expect(exit.status).toBe(0);
    });
  });
}

testWith(["userns"], "the box has its own processes, network and IPC", async () => {
  const script = `echo $$; ls /proc | grep -c '^[0-9]'; cat /proc/net/dev | tail -n +3 | cut -d: -f1
    cat /proc/sysvipc/shm | wc -l; cat < /dev/tcp/127.0.0.1/9 2>&1`;
  const { output } = await runShell(`exec /bin/bash -c '${script.replaceAll("'", `'"'"'`)}'`, {
    namespaces: allNamespaces(),
    mounts: [{ kind: "proc" }],
  });
  const [pid, processes, device, ipc, refused] = output.split("\n");
  expect(pid).toBe("2");
  expect(Number(processes)).toBeLessThan(8);
  expect(device?.trim()).toBe("lo");
  expect(ipc).toBe("1");
  // Refused, not unreachable: the loopback interface is up.
  expect(refused).toContain("Connection refused");
});

describe("what cannot be started says why", () => {
  const missing = join(tempDir("missing"), "missing");
  const failures: [name: string, argv: string[], plan: BoxPlan, step: string, status: number][] = [
    ["a program that is not there", [join(missing, "program")], {}, "exec", 127],
    ["a program without permission", ["/etc/passwd"], {}, "exec", 126],
    ["a directory that is not there", ["/bin/true"], { directory: missing }, "directory", 125],
    [
      "a Landlock path that is not there",
      ["/bin/true"],
      {
        landlock: {
          handledFs: 1n,
          handledNet: 0n,
          scoped: 0n,
          paths: [{ path: missing, access: 1n, optional: false }],
          ports: [],
        },
      },
      "landlock",
      125,
    ],
    [
      "a right this kernel has never heard of",
      ["/bin/true"],
      {
        landlock: { handledFs: 1n << 60n, handledNet: 0n, scoped: 0n, paths: [], ports: [] },
      },
      "landlock",
      125,
    ],
    ["a filter that is no program", ["/bin/true"], { seccomp: new Uint8Array(8) }, "seccomp", 125],
    [
      "a limit nobody may raise",
      ["/bin/true"],
      { rlimits: [{ resource: 99, soft: 1n, hard: 1n }] },
      "rlimit",
      125,
    ],
  ];
  for (const [name, argv, plan, step, status] of failures) {
    testWith(["linux", "landlock"], name, async () => {
      const { exit } = await runBox(argv, plan);
      expect(exit.failed).toMatchObject({ step });
      expect(exit.failed?.message).not.toBe("");
      expect(exit.exited).toBeUndefined();
      expect(exit.status).toBe(status);
    });
  }

  testWith(["userns"], "a mount of what is not there, unless it is optional", async () => {
    const writable = { kind: "writable", path: missing, optional: false } as const;
    const plan: BoxPlan = { namespaces: allNamespaces(), mounts: [writable] };
    const { exit } = await runBox(["/bin/true"], plan);
    expect(exit.failed).toMatchObject({
      step: "mount",
      message: `Cannot prepare "${missing}" for the box`,
    });
    const lenient = { ...plan, mounts: [{ ...writable, optional: true }] };
    expect((await runBox(["/bin/true"], lenient)).exit.status).toBe(0);
  });

  testWith(["seccomp"], "a program the policy denies, and says which rule", async () => {
    const program = join(tempDir("denied"), "program");
    writeFileSync(program, "#!/bin/sh\n");
    chmodSync(program, 0o755);
    const denied = audited({ rules: allBut(forbid(program, "ProcessSpawn")) });
    const { exit, rows } = await runBox([program], denied);
    expect(exit.status).toBe(126);
    expect(exit.failed).toMatchObject({ step: "exec", errno: 13 });
    expect(rows).toMatchObject([
      { action: "ProcessSpawn", path: program, allowed: false, rule: 0, exe: "aegis-helper" },
    ]);
    expect((await runBox([program], audited())).exit.status).toBe(0);
  });

  testWith(["seccomp"], "a listener in a box that has one already", async () => {
    const folder = tempDir("nested");
    const plan = join(folder, "plan");
    const frames = join(folder, "frames");
    writeFileSync(plan, encodePlan(planFor(["/bin/true"], audited())));
    const inner = `${helperFile()} 3<${plan} 4>${frames}; echo $?`;
    const { output } = await runShell(inner, audited());
    expect(output).toBe("125\n");
    expect(createFrameDecoder().push(readFileSync(frames))).toMatchObject([
      { kind: "failed", step: "seccomp", errno: 16 },
    ]);
    // Without a listener a box fits into a box.
    writeFileSync(plan, encodePlan(planFor(["/bin/true"], {})));
    expect((await runShell(inner, audited())).output).toBe("0\n");
  });

  test("a plan that is none", async () => {
    const running = spawnHelper(await testHelper(), {
      plan: new TextEncoder().encode("not a plan at all"),
      onFrames: () => {},
    });
    expect(await running.exited).toMatchObject({
      status: 125,
      failed: { step: "plan", message: "Cannot use the plan: this is not a plan" },
    });
  });

  testWith(["seccomp", "userns"], "an audit whose /proc shows other processes", async () => {
    const plan: BoxPlan = { ...audited(), namespaces: { ...allNamespaces(), mount: false } };
    const { exit } = await runBox(["/bin/true"], plan);
    expect(exit.failed).toMatchObject({ step: "proc" });
  });
});

testWith(["userns"], "mounts are what the plan says", async () => {
  const folder = tempDir("mounts");
  for (const name of ["open", "open/closed", "open/masked"]) mkdirSync(join(folder, name));
  for (const name of ["open/masked/inside", "open/file"])
    writeFileSync(join(folder, name), "secret");
  const step = (kind: "writable" | "read-only" | "mask-directory" | "mask-file", path: string) =>
    ({ kind, path: join(folder, path), optional: false }) as const;
  const attempts: [script: string, outcome: RegExp][] = [
    ["echo 1 >open/new", /^$/],
    ["echo 2 >open/closed/new", /Read-only file system/],
    ["echo 3 >outside", /Read-only file system/],
    ["ls open/masked", /Permission denied/],
    ["cat open/masked/inside", /Permission denied/],
    ["cat open/file", /Permission denied/],
    ["echo 4 >open/file", /Permission denied|Read-only/],
    ["rm -f open/file", /busy/],
    ["rmdir open/masked", /busy/],
    ["mv open elsewhere", /Read-only|busy/],
    ["echo 5 >/dev/shm/x", /^$/],
    ["ls /dev/shm", /^x$/],
    ["dd if=/dev/zero of=/dev/shm/y bs=128k count=1 status=none", /No space left/],
    ["umount open/masked", /permitted|privilege|superuser|denied/],
    ["mount -o remount,rw /", /permitted|superuser|denied/],
    ["echo $$ /proc/[0-9]*", /^2 \/proc\/1 \/proc\/2$/],
  ];
  const script = attempts.map(([line], index) => `{ ${line}; } >open/out${index} 2>&1`).join("\n");
  const { exit } = await runBox(["/bin/sh", "-c", `${script}\nexit 0`], {
    directory: folder,
    namespaces: allNamespaces(),
    mounts: [
      { kind: "read-only-root" },
      step("writable", "open"),
      step("read-only", "open/closed"),
      step("mask-directory", "open/masked"),
      step("mask-file", "open/file"),
      { kind: "tmpfs", path: "/dev/shm", mode: 0o1777, sizeBytes: 65536n },
      { kind: "proc" },
    ],
  });
  expect(exit.failed).toBeUndefined();
  for (const [index, [line, outcome]] of attempts.entries()) {
    const said = readFileSync(join(folder, `open/out${index}`), "utf8").trim();
    expect([line, said]).toEqual([line, expect.stringMatching(outcome)]);
  }
  expect(readFileSync(join(folder, "open/masked/inside"), "utf8")).toBe("secret");
});

describe("a gate", () => {
  const marker = () => join(tempDir("gate"), "ran");
  const launch = async (path: string, start: Promise<unknown>) =>
    spawnHelper(await testHelper(), {
      plan: encodePlan(planFor(["/bin/sh", "-c", `: >${path}; exit 3`], {})),
      onFrames: () => {},
      start,
    });

  test("holds the command back until it is opened", async () => {
    const path = marker();
    const gate = Promise.withResolvers<void>();
    const running = await launch(path, gate.promise);
    // The box is complete when its three processes wait; the command is still the helper then.
    const isBuilt = () => Bun.spawnSync(["pgrep", "-P", String(running.pid)]).exitCode === 0;
    while (!isBuilt()) await new Promise((resolve) => setImmediate(resolve));
    expect(existsSync(path)).toBe(false);
    gate.resolve();
    expect((await running.exited).status).toBe(3);
    expect(existsSync(path)).toBe(true);
  });

  test("that breaks ends the box, and the command never ran", async () => {
    const path = marker();
    const running = await launch(path, Promise.reject(new Error("no session")));
    expect((await running.exited).status).toBe(125);
    expect(existsSync(path)).toBe(false);
  });
});

testWith(["linux"], "a hundred boxes leave no descriptor open", async () => {
  const count = () => readdirSync("/proc/self/fd").length;
  await runBox(["/bin/true"]);
  const before = count();
  for (let round = 0; round < 100; round += 1) await runBox(["/bin/true"]);
  expect(count()).toBeLessThan(before + 5);
});
