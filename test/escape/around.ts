// What stands outside a box and waits to be reached: servers on loopback, sockets, shared memory,
// and a process of the same account that sleeps. Each tells whether it was reached.

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { asPlainUser, giveToPlainUser, isRoot } from "../support/harness.ts";
import { type Places, put } from "./ground.ts";
import { execute, type Setting, tools } from "./setting.ts";

export interface Around {
  readonly values: Readonly<Record<string, string>>;
  reached(): readonly string[];
  end(): Promise<void>;
}

export async function standAround(
  setting: Setting,
  { sockets, places }: { sockets: string; places: Places },
): Promise<Around> {
  const { workspace, outside } = places;
  const arrived: string[] = [];
  const { tcp, udp, free } = await openPorts(arrived);
  const granted = openGranted(arrived);
  const heard = await openDatagrams([]);
  const key = (0x41450000 + (process.pid & 0xffff)).toString(16);
  const abstract = `aegis-escape-${process.pid}-${tcp.port}`;
  put(
    join(workspace, "bin/dev-tcp"),
    `exec 3<>/dev/tcp/127.0.0.1/${tcp.port} && exit 42\nexit 13\n`,
  );
  if (setting.isPlain && isRoot()) giveToPlainUser(join(workspace, "bin"));
  gainful(workspace);
  const own = (argv: string[]) => (setting.isPlain ? asPlainUser(argv) : argv);
  const handed = join(outside, "left-open");
  const near = join(workspace, "served");
  const servers = await Promise.all([
    serve(own([tools().outside, sockets, abstract, key, handed]), arrived),
    serve(own([tools().outside, near, `${abstract}-n`, "0", handed]), []),
  ]);
  const victim = Bun.spawn(own(["sleep", "6000"]), {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
  });
  return {
    values: {
      tcp: String(tcp.port),
      udp: String(udp.port),
      free: String(free),
      granted: String(granted.port),
      heard: String(heard.port),
      port: [granted.port >> 8, granted.port & 0xff]
        .map((byte) => `\\${byte.toString(16).padStart(2, "0")}`)
        .join(""),
      abstract,
      key,
      pid: String(victim.pid),
    },
    reached: () => [...arrived],
    end: async () => {
      victim.kill("SIGKILL");
      for (const server of servers) {
        server.stdin.end();
        await server.exited;
      }
      tcp.stop(true);
      granted.stop(true);
      udp.close();
      heard.close();
    },
  };
}

async function openPorts(arrived: string[]) {
  const tcp = Bun.listen({
    hostname: "::",
    port: 0,
    socket: { open: (socket) => void arrived.push(`tcp ${socket.remoteAddress}`), data: () => {} },
  });
  return { tcp, udp: await openDatagrams(arrived), free: freePort() };
}

function openDatagrams(arrived: string[]) {
  return Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket, _, port, address) => {
        arrived.push("udp");
        socket.send("answer", port, address);
      },
    },
  });
}

/** What may be reached where hosts are granted by name; it tells what should not have come. */
function openGranted(arrived: string[]) {
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket, data) => {
        const text = data.toString("latin1");
        if (text.includes("evil")) arrived.push(`on the granted port: ${JSON.stringify(text)}`);
        const isTls = data[0] === 0x16;
        socket.write(isTls ? "REACHED" : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      },
    },
  });
}

/** Programs that give more than their caller has; only root can make them. */
function gainful(workspace: string): void {
  if (!isRoot()) return;
  const setUid = join(workspace, "bin/set-uid");
  execute(["chown", "0:0", setUid]);
  chmodSync(setUid, 0o4755);
  Bun.spawnSync(["setcap", "cap_net_raw+ep", join(workspace, "bin/capable")]);
}

async function serve(argv: string[], arrived: string[]) {
  const server = Bun.spawn(argv, { stdio: ["pipe", "pipe", "inherit"], cwd: "/" });
  const reader = server.stdout.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  if (!first.startsWith("ready\n")) throw new Error("nobody stands outside");
  void (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      arrived.push(...new TextDecoder().decode(value).trim().split("\n"));
    }
  })();
  return server;
}
