// Landlock as the helper applies it: to the command, and to the broker that acts in its place.

import { describe, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LandlockPlan } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import { audited, type BoxPlan, runBox, runShell } from "../support/helper-box.ts";
import { landlockAbi } from "../support/probes.ts";
import { tempDir } from "../support/temp.ts";

/** The file rights this kernel has. */
const allRights = (1n << BigInt([0, 13, 14, 15, 15, 16][Math.min(landlockAbi(), 5)] ?? 16)) - 1n;
/** EXECUTE, READ_FILE, READ_DIR */
const readRights = 0b1101n;

interface Place {
  readonly folder: string;
  readonly landlock: LandlockPlan;
}

/**
 * Everything may be read but /proc, `open` inside a fresh folder may be written, and the file
 * `one`.
 */
function place(): Place {
  const folder = tempDir("landlock");
  for (const name of ["open", "shut"]) mkdirSync(join(folder, name));
  for (const name of ["one", "two"]) writeFileSync(join(folder, name), "content");
  const read = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/tmp", folder].map((path) => ({
    path,
    access: readRights,
    optional: true,
  }));
  const paths = [
    ...read,
    { path: "/dev/null", access: allRights, optional: false },
    { path: join(folder, "open"), access: allRights, optional: false },
    // More rights than a file can have: cut to those it can.
    { path: join(folder, "one"), access: allRights, optional: false },
    { path: join(folder, "missing"), access: allRights, optional: true },
  ];
  return {
    folder,
    landlock: { handledFs: allRights, handledNet: 0n, scoped: 0n, paths, ports: [] },
  };
}

const script = `for file in open/new shut/new one two; do
  (echo x >$file) 2>/dev/null && echo "wrote $file"
done >open/out
cat two >>open/out; (cat /proc/self/comm) 2>/dev/null >>open/out; mkdir shut/made 2>/dev/null
mv open/new shut/moved 2>/dev/null; ls shut >>open/out`;
const outcome = "wrote open/new\nwrote one\ncontent";

const settings: readonly [name: string, plan: BoxPlan][] = [
  ["by itself", {}],
  ["with an audit", audited()],
  ["with a broker", audited({ broker: true })],
];

for (const [setting, plan] of settings) {
  testWith(["landlock", "seccomp"], `rules hold ${setting}`, async () => {
    const { folder, landlock } = place();
    const { exit, rows } = await runBoxIn(folder, { ...plan, landlock });
    expect(exit.failed).toBeUndefined();
    expect(await Bun.file(join(folder, "open/out")).text()).toBe(outcome);
    // The broker reads /proc for itself where the box may not: programs have names.
    if (plan.notify !== undefined) {
      const cat = rows.filter((row) => row.path === join(folder, "two"));
      expect(cat.some((row) => row.exe.endsWith("/cat"))).toBe(true);
    }
  });
}

function runBoxIn(folder: string, plan: BoxPlan): ReturnType<typeof runBox> {
  return runBox(["/bin/sh", "-c", script], { ...plan, directory: folder });
}

describe("the network", () => {
  testWith(["landlock", "tool python3"], "is closed but for the ports named", async () => {
    const connectTcp = 2n;
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: () => {}, open: (socket) => void socket.end() },
    });
    const ports = (port: number): LandlockPlan => ({
      handledFs: 0n,
      handledNet: 3n,
      scoped: 0n,
      paths: [],
      ports: [{ port, access: connectTcp }],
    });
    const connect = `python3 -c 'import socket
try: socket.create_connection(("127.0.0.1", ${server.port})).close(); print("connected")
except OSError as error: print(error.strerror)'`;
    const run = (port: number) => runShell(connect, { landlock: ports(port) });
    if (landlockAbi() >= 4) {
      expect((await run(server.port)).output).toBe("connected\n");
      expect((await run(server.port - 1)).output).toBe("Permission denied\n");
    } else {
      // What this kernel does not know is refused, not left out.
      const { exit } = await runBox(["/bin/true"], { landlock: ports(server.port) });
      expect(exit.failed?.step).toBe("landlock");
    }
    server.stop(true);
  });
});

testWith(
  ["landlock", "seccomp"],
  "signals leave the box only where nothing scopes them",
  async () => {
    const victim = Bun.spawn(["sleep", "1000"]);
    const landlock = { handledFs: 0n, handledNet: 0n, scoped: 0n, paths: [], ports: [] };
    const kill = `kill -0 ${victim.pid} && echo reached`;
    expect((await runShell(kill, { landlock })).output).toContain(
      landlockAbi() >= 6 ? "not permitted" : "reached",
    );
    expect((await runShell(kill, {})).output).toBe("reached\n");
    victim.kill();
    await victim.exited;
  },
);
