// The network by name in a container of default settings, where no socket can be taken out of a
// process: the caller's own is connected, so that all it was set to and registered in stays.
// Servers are the test's own, on loopback.

import { afterAll, expect } from "bun:test";
import type { Capability } from "../../src/model/capability.ts";
import { containers, runBox, type Setting } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { makeScene, removeScenes, runIn } from "../support/in-setting.ts";
import { by, loopback, permit, port, to } from "../support/ir.ts";
import { expectNotReached, expectReached, named, openNamedWeb } from "../support/named-web.ts";

const needs = ["linux", "landlock", "seccomp", "tool python3"] as const;

const web = openNamedWeb();
afterAll(async () => {
  removeScenes();
  await web.stop();
});

const grants: readonly Capability[] = [
  permit("FileRead FileWrite FileDelete DirCreate DirList ProcessSpawn"),
  ...web.grants,
  permit("NetConnect", to("slow.test"), by("tcp")),
];

async function run(setting: Setting, argv: readonly string[], capabilities = grants) {
  const slow = Promise.withResolvers<readonly string[]>();
  const result = await runBox(setting, capabilities, [], {
    // The slow one has an address when nobody waits for it any more.
    resolve: (name) => {
      if (name !== named) return slow.promise;
      slow.resolve([]);
      return ["127.0.0.1"];
    },
    // As `aegis run` sets it there.
    environment: ["PATH=/usr/bin:/bin", "RES_OPTIONS=use-vc"],
    argv,
  });
  return { ...result, lines: result.stdout.trim().split("\n") };
}

const python = (script: string) => [
  "/usr/bin/python3",
  "-c",
  `import errno, os, select, socket, threading
name, at = "${named}", ${web.port}
request = b"GET / HTTP/1.0\\r\\nHost: ${named}:${web.port}\\r\\n\\r\\n"
def body(s):
    s.sendall(request); text = b""
    while True:
        piece = s.recv(999)
        if not piece: return text.split(b"\\r\\n\\r\\n")[1].decode().strip()
        text += piece
def tried(deed):
    try: return deed()
    except OSError as e: return errno.errorcode[e.errno]
def made(*options):
    s = socket.socket(*options); s.settimeout(60); return s
address = (socket.getaddrinfo(name, at, socket.AF_INET, socket.SOCK_STREAM)[0][4])
${script}`,
];
/** What a program sees of its own socket, in lines; `served` is what the server says. */
const sights: readonly (readonly [string, string, readonly string[]])[] = [
  ["who waits is served", "s = made(); s.connect(address); print(body(s))", ["served"]],
  [
    "who does not wait finds it writable, with no error, and connected once",
    `s = made(); s.setblocking(False)
print(errno.errorcode[s.connect_ex(address)])
print(select.select([], [s], [], 60)[1] == [s], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
print(errno.errorcode[s.connect_ex(address)]); s.setblocking(True); print(body(s))`,
    ["EINPROGRESS", "True 0", "EISCONN", "served"],
  ],
  [
    "it stays in the epoll sets it was in, with what was asked for",
    `s = made(); s.setblocking(False); e = select.epoll()
e.register(s, select.EPOLLOUT | select.EPOLLONESHOT); e.poll(0)
s.connect_ex(address); e.modify(s, select.EPOLLOUT | select.EPOLLET)
print(e.poll(60) == [(s.fileno(), select.EPOLLOUT)])
e.modify(s, select.EPOLLIN); s.send(request); print(e.poll(60) == [(s.fileno(), select.EPOLLIN)])
s.setblocking(True); print(s.recv(8))`,
    ["True", "True", "b'HTTP/1.1'", ""],
  ],
  [
    "its options stay, and each of its numbers is connected",
    `s = made(); s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1); s.setsockopt(6, 1, 1)
twin = os.dup(s.fileno()); s.connect(address)
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), s.getsockopt(6, 1))
s.close(); s = socket.socket(fileno=twin); s.setblocking(True); print(body(s))`,
    ["1 1", "served"],
  ],
  [
    "a child that shares it sees it connected",
    `s = made()
if os.fork() == 0: s.connect(address); os._exit(0)
os.wait(); print(body(s))`,
    ["served"],
  ],
  [
    "IPv6 sockets reach it as well",
    "s = made(socket.AF_INET6); s.connect(('::ffff:' + address[0], at)); print(body(s))",
    ["served"],
  ],
  [
    "one that was refused may be connected elsewhere",
    `s = made(); print(tried(lambda: s.connect(("127.0.0.1", ${web.otherPort}))))
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), tried(s.getpeername))
s.connect(address); print(body(s))`,
    ["EACCES", "0 ENOTCONN", "served"],
  ],
  [
    "a signal interrupts who waits, and the socket may be used again",
    `import signal
class Woken(Exception): pass
def wake(*_): raise Woken
signal.signal(signal.SIGALRM, wake)
slow = socket.getaddrinfo("slow.test", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
s = socket.socket(); signal.alarm(1)
try: s.connect(slow)
except Woken: print("woken")
s.connect(address); print(body(s))`,
    ["woken", "served"],
  ],
  [
    "many at once",
    `out = []
def one(): s = made(); s.connect(address); out.append(body(s))
threads = [threading.Thread(target=one) for _ in range(40)]
[t.start() for t in threads]; [t.join() for t in threads]; print(out == [out[0]] * 40); print(out[0])`,
    ["True", "served"],
  ],
  [
    "messages pass, with descriptors, on pairs and on connections",
    `a, b = socket.socketpair(); socket.send_fds(a, [b"x"], [0]); print(len(socket.recv_fds(b, 1, 1)[1]))
s = made(); s.connect(address); s.sendmsg([request[:5], request[5:]]); print(s.recv(8))`,
    ["1", "b'HTTP/1.1'"],
  ],
  [
    "no other kind of socket, no second life, and no server",
    `for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW): print(tried(lambda: made(socket.AF_INET, kind)))
s = made(); s.connect(address); print(tried(lambda: s.connect(address)))
print(tried(lambda: s.listen(1)))
s = made(); print(tried(lambda: s.sendto(request, socket.MSG_FASTOPEN, address)))
print(tried(lambda: made().listen(1)))`,
    ["EACCES", "EACCES", "EISCONN", "EACCES", "ENOTSUP", "EACCES"],
  ],
  [
    "nothing but what is granted",
    `for place in (("127.0.0.1", ${web.otherPort}), ("127.0.0.2", at), ("169.254.169.254", 80), ("198.18.0.99", at)):
    print(tried(lambda: made().connect(place)))
print(tried(lambda: made(socket.AF_INET6).connect(("::1", ${web.otherPort}))))`,
    ["EACCES", "EACCES", "EACCES", "EACCES", "EACCES"],
  ],
];

for (const setting of containers()) {
  for (const [name, client] of Object.entries(web.clients)) {
    testWith(needs, `${setting.name}: ${name} reaches a granted name`, async () => {
      const result = await run(setting, client(named));
      expectReached(result, web.port);
      expect(result.connections.find(({ pid }) => pid !== undefined && pid > 0)?.exe).not.toBe("");
    });

    testWith(needs, `${setting.name}: ${name} does not reach another name`, async () => {
      expectNotReached(await run(setting, client("other.test")));
    });
  }

  for (const [name, script, wanted] of sights)
    testWith(needs, `${setting.name}: ${name}`, async () => {
      const { lines, stderr } = await run(setting, python(script));
      expect(stderr).toBe("");
      expect(lines.map((line) => line.replace(` ${named}`, ""))).toEqual(
        wanted.filter((line) => line !== ""),
      );
    });

  testWith(needs, `${setting.name}: a connection ends for both when either ends it`, async () => {
    const ends: string[] = [];
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (socket, bytes) => void socket.write(bytes),
        end: () => void ends.push("client"),
      },
    });
    const granted = [
      permit("FileRead DirList ProcessSpawn"),
      permit("NetConnect", loopback, port(server.port), by("tcp")),
    ];
    const script = `s = made(); s.connect(("127.0.0.1", ${server.port}))
s.sendall(b"x"); print(s.recv(1)); s.shutdown(socket.SHUT_WR); print(s.recv(1))`;
    const result = await run(setting, python(script), [...granted, ...grants]);
    expect(result.lines).toEqual(["b'x'", "b''"]);
    expect(ends).toEqual(["client"]);
    server.stop(true);
  });

  testWith(needs, `${setting.name}: aegis run goes by name, and says by what`, async () => {
    const scene = makeScene(setting);
    const get = `curl -sS --noproxy "*" ${web.url("localhost")}; curl -sS --noproxy "*" ${web.url("localhost", web.otherPort)}`;
    const flags = ["--net", `localhost:${web.port}`, "--json"];
    const result = await runIn(scene, ["run", ...flags, "--", "sh", "-c", get]);
    expect(result.stderr).toContain("served localhost");
    expect(result.stderr).not.toContain("other");
    const { session } = JSON.parse(result.stdout) as { session: string };
    const events = (await runIn(scene, ["audit", "session", session, "--json"])).stdout;
    expect(events).toContain("gateway, supervisor makes sockets and connects");
  });

  testWith(needs, `${setting.name}: aegis run has names asked for over TCP`, async () => {
    const scene = makeScene(setting);
    const told = ["sh", "-c", "echo $RES_OPTIONS"];
    const net = ["--net", "localhost:1"];
    const own = ["--env", "RES_OPTIONS=timeout:9"];
    expect((await runIn(scene, ["run", ...net, "--", ...told])).stdout).toBe("use-vc\n");
    const both = await runIn(scene, ["run", ...net, ...own, "--", ...told]);
    expect(both.stdout).toBe("timeout:9 use-vc\n");
    expect((await runIn(scene, ["run", ...own, "--", ...told])).stdout).toBe("timeout:9\n");
  });

  testWith(needs, `${setting.name}: a rule for ping alone is refused by name`, async () => {
    const scene = makeScene(setting);
    const result = await runIn(scene, ["run", "--net", "icmp:localhost", "--", "true"]);
    expect(result.exitCode).toBe(125);
    expect(result.stderr).toContain("ICMP by name takes a caller's socket");
  });
}
