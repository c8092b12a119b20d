// The network by name on the real kernel, with the real gateway: programs that know no proxy reach
// what a rule names and nothing else. Servers are the test's own, on loopback.

import { afterAll, expect } from "bun:test";
import type { Capability } from "../../src/model/capability.ts";
import { type BoxOptions, runBox, type Setting, settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { freePort } from "../support/free-port.ts";
import { waitFor } from "../support/harness.ts";
import { makeScene, removeScenes, runIn } from "../support/in-setting.ts";
import { by, inNetwork, loopback, permit, port, to } from "../support/ir.ts";
import { expectNotReached, expectReached, named, openNamedWeb } from "../support/named-web.ts";

const needs = ["linux", "landlock", "seccomp", "userns"] as const;

const web = openNamedWeb();
const echo = await Bun.udpSocket({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data(socket, message, from, address) {
      socket.send(message, from, address);
    },
  },
});
afterAll(async () => {
  await web.stop();
  echo.close();
  removeScenes();
});

const grants: readonly Capability[] = [permit("all"), ...web.grants];

function run(
  setting: Setting,
  argv: readonly string[],
  capabilities = grants,
  options: BoxOptions = {},
) {
  return runBox(setting, capabilities, [], {
    resolve: () => ["127.0.0.1"],
    ...options,
    argv: [...argv],
  });
}

const python = (script: string) => [
  "/usr/bin/python3",
  "-c",
  `import os, socket, struct\n${script}`,
];
/** Asks a resolver as static programs do: reads resolv.conf, connects, asks, connects again. */
const ownResolver = (host: string) => `
server = [l.split()[1] for l in open("/etc/resolv.conf") if l.startswith("nameserver")][0]
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(60); u.connect((server, 53))
labels = b"".join(bytes([len(p)]) + p.encode() for p in "${host}".split("."))
u.send(struct.pack(">6H", 7, 256, 1, 0, 0, 0) + labels + b"\\0" + struct.pack(">2H", 1, 1))
r = u.recv(512)
if r[3] & 15: print("no such name"); raise SystemExit
s = socket.create_connection((socket.inet_ntoa(r[-4:]), ${web.port}))
s.send(b"GET / HTTP/1.0\\r\\nHost: ${host}:${web.port}\\r\\n\\r\\n"); print(s.recv(999).decode().split("\\r\\n\\r\\n")[1])`;

const clients: typeof web.clients = {
  ...web.clients,
  "a program with a resolver of its own": (host) => python(ownResolver(host)),
};

for (const setting of settings()) {
  for (const [name, client] of Object.entries(clients)) {
    testWith(needs, `${setting.name}: ${name} reaches a granted name`, async () => {
      expectReached(await run(setting, client(named)), web.port);
    });

    testWith(needs, `${setting.name}: ${name} does not reach another name`, async () => {
      expectNotReached(await run(setting, client("other.test")));
    });
  }

  testWith(
    needs,
    `${setting.name}: names are asked for so that the answer is believed`,
    async () => {
      const scene = makeScene(setting);
      const told = ["--", "sh", "-c", "echo $RES_OPTIONS"];
      const { stdout } = await runIn(scene, ["run", "--net", "localhost:1", ...told]);
      expect(stdout).toBe(setting.name.includes("no namespaces") ? "use-vc\n" : "\n");
      expect((await runIn(scene, ["run", "--net", "all", ...told])).stdout).toBe("\n");
    },
  );

  testWith(needs, `${setting.name}: a connection tells nothing about interfaces`, async () => {
    const script = `
import fcntl, termios
s = socket.create_connection(("${named}", ${web.port}))
for request in (0x8912, 0x8933, 0x8946):
    try: fcntl.ioctl(s, request, b"lo" + b"\\0" * 38); print("told")
    except PermissionError: print("refused")
s.send(b"GET / HTTP/1.0\\r\\nHost: ${named}:${web.port}\\r\\n\\r\\n"); s.recv(1, socket.MSG_PEEK)
print(struct.unpack("i", fcntl.ioctl(s, termios.FIONREAD, bytes(4)))[0] > 0)`;
    const { stdout } = await run(setting, python(script));
    expect(stdout.trim().split("\n")).toEqual(["refused", "refused", "refused", "True"]);
  });

  testWith(
    needs,
    `${setting.name}: an address, a port and a protocol that no rule names`,
    async () => {
      const script = `
for kind, address in ((1, ("127.0.0.1", ${web.otherPort})), (1, ("127.0.0.2", ${web.port})), (2, ("127.0.0.1", ${echo.port})), (1, ("169.254.169.254", 80))):
    s = socket.socket(socket.AF_INET, kind); s.settimeout(60)
    try: s.connect(address); print("connected")
    except OSError as e: print("no")`;
      const { stdout } = await run(setting, python(script));
      // 127.0.0.2 and UDP on the box's own loopback are its own business, and lead nowhere.
      expect(
        stdout
          .trim()
          .split("\n")
          .filter((line, index) => index !== 2 && line !== "no"),
      ).toEqual([]);
    },
  );

  testWith(needs, `${setting.name}: a granted name that leads to this machine`, async () => {
    const byNameOnly = grants.slice(0, 2);
    const { stdout, connections } = await run(setting, clients.curl?.(named) ?? [], byNameOnly);
    expect(stdout).toBe("");
    expect(connections.map(({ decision, reason }) => `${decision} ${reason}`).join("\n")).toContain(
      "this machine",
    );
  });

  testWith(needs, `${setting.name}: UDP is granted by itself, and answered`, async () => {
    const udp = [
      permit("all"),
      permit("NetConnect", to(named), port(echo.port), by("udp")),
      permit("NetConnect", loopback, port(echo.port), by("udp")),
      permit("NetConnect", inNetwork("::1", 128), port(echo.port), by("udp")),
    ];
    // As on every machine with IPv6; a socket of IPv4 does not reach the first.
    const resolve = () => ["::1", "127.0.0.1"];
    const script = `
a = socket.getaddrinfo("${named}", ${echo.port}, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
s.sendto(b"one", a); print(s.recv(9)); s.connect(a); s.send(b"two"); print(s.recv(9))
t = socket.socket()
try: t.connect((a[0], ${web.port})); print("connected")
except OSError as e: print(e.errno)
s.sendto(b"host", ("127.0.0.1", ${echo.port})); print(s.recv(9))`;
    const { stdout } = await run(setting, python(script), udp, { resolve });
    expect(stdout.trim()).toBe("b'one'\nb'two'\n13\nb'host'");
  });

  testWith(needs, `${setting.name}: no socket sends by a route of its own`, async () => {
    const udp = [
      permit("all"),
      permit("NetConnect", to(named), port(echo.port), by("udp")),
      permit("NetConnect", loopback, port(echo.port), by("udp")),
    ];
    const script = `
route = bytes([131, 7, 4]) + socket.inet_aton("127.0.0.9") + bytes(1)
segments = bytes([0, 2, 4, 0, 0, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, "::9")
def tried(deed):
    try: deed(); print("done")
    except OSError as e: print(e.errno)
a = socket.getaddrinfo("${named}", ${echo.port}, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60); s.connect(a)
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
tried(lambda: s.setsockopt(0, 4, route)); tried(lambda: six.setsockopt(41, 57, segments))
tried(lambda: s.sendmsg([b"led"], [(0, 7, route)], 0, a)); tried(lambda: s.sendmsg([b"led"], [(0, 7, route)]))
tried(lambda: s.sendmsg([b"led"], [(41, 57, segments)]))
tried(lambda: s.sendmsg([b"marked"], [(0, 1, bytes([8, 0, 0, 0]))])); print(s.recv(9))`;
    const { stdout } = await run(setting, python(script), udp);
    expect(stdout.trim().split("\n")).toEqual(["1", "1", "1", "1", "1", "done", "b'marked'"]);
  });

  testWith(needs, `${setting.name}: a port that is granted is served to the host`, async () => {
    const [served, hidden] = [freePort(), freePort()];
    const script = `
import select
own = []
for at in (${served}, ${hidden}):
    try: own.append(socket.create_server(("127.0.0.1", at)))
    except OSError as e: print("refused", at)
print("up", flush=True)
c, a = own[0].accept(); c.send(c.recv(99).upper()); c.close()
me = socket.create_connection(("127.0.0.1", ${served})) if len(own) > 1 else None
print("itself", bool(me) and bool(own[0].accept()))`;
    const rules = [...grants, permit("NetBind", port(served))];
    const running = run(setting, python(script), rules);
    expect(await waitFor("the served port", () => ask(served, "hello"))).toBe("HELLO");
    expect(await ask(hidden, "hello")).toBeUndefined();
    const { stdout, planned } = await running;
    const expected = planned.plan.namespaces.net ? "itself True" : `refused ${hidden}`;
    expect(stdout).toContain(expected);
  });

  testWith(needs, `${setting.name}: a port that is taken on the host`, async () => {
    const script = `
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try: s.bind(("127.0.0.1", ${web.port})); s.listen(); print("listens")
except OSError as e: print(e.errno)`;
    const { stdout } = await run(setting, python(script), [
      ...grants,
      permit("NetBind", port(web.port)),
    ]);
    expect(stdout.trim()).toBe("98");
  });
}

/** What a server on loopback answers; undefined when there is none. */
async function ask(at: number, question: string): Promise<string | undefined> {
  const answered = Promise.withResolvers<string | undefined>();
  let heard = "";
  try {
    await Bun.connect({
      hostname: "127.0.0.1",
      port: at,
      socket: {
        open: (socket) => {
          socket.write(question);
        },
        data: (_, data) => {
          heard += data.toString();
        },
        close: () => answered.resolve(heard === "" ? undefined : heard),
      },
    });
  } catch {
    // ignored: nobody serves
    return undefined;
  }
  return answered.promise;
}
