// Connections by name, the helper's part: programs that know no proxy reach a stand-in for the
// gateway wherever they connect to, on a socket that behaves as the one they made, and nothing
// leaves the box past it. With a network namespace of the box's own and without one.

import { describe, expect } from "bun:test";
import type { JudgeRule, NativePlan } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import { allBut, allNamespaces, audited, noNamespaces, runShell } from "../support/helper-box.ts";
import { testMs } from "../support/patience.ts";
import { openTestGateway, type Reply } from "../support/test-gateway.ts";

const inside: JudgeRule = {
  effect: "permit-inside",
  actions: ["NetConnect", "NetBind"],
  where: [{ kind: "host-like", parts: ["127.", ""], negated: false }],
};

const errno = { ECONNREFUSED: 111, EHOSTUNREACH: 113 } as const;

interface Scene {
  readonly name: string;
  readonly hasOwnNetwork: boolean;
}

const scenes: readonly Scene[] = [
  { name: "with a network of its own", hasOwnNetwork: true },
  { name: "without namespaces", hasOwnNetwork: false },
];

/** Runs Python after `import socket, ...`; it prints what is to be seen. */
async function python({ hasOwnNetwork }: Scene, script: string, rules: readonly JudgeRule[] = []) {
  await using gateway = await openTestGateway(({ kind, to }): Reply => {
    if (to.endsWith(":81")) return { errno: errno.ECONNREFUSED };
    if (to.endsWith(":82")) return { errno: errno.EHOSTUNREACH, afterMs: 60 };
    if (to.endsWith(":83")) return { errno: 13 };
    if (to.endsWith(":84")) return { say: "late", afterMs: testMs };
    return kind === 3 ? { datagram: echo.port } : { say: "hello" };
  });
  const echo = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, message, port, address) {
        socket.send(message, port, address);
      },
    },
  });
  const base = audited({
    broker: true,
    rules: allBut(...rules, ...(hasOwnNetwork ? [inside] : [])),
  });
  const plan: Partial<NativePlan> = {
    ...base,
    ...(base.notify === undefined
      ? {}
      : { notify: { ...base.notify, brokerMessages: !hasOwnNetwork } }),
    namespaces: hasOwnNetwork ? allNamespaces() : noNamespaces,
    mounts: hasOwnNetwork
      ? [{ kind: "proc" }, { kind: "names", path: "/etc/resolv.conf", optional: true }]
      : [],
    gateway,
    environment: [`PATH=${process.env.PATH ?? "/usr/bin:/bin"}`],
  };
  const head = "import ctypes, errno, os, select, signal, socket, ssl, sys, threading, time";
  const program = `${head}\n${script}`;
  const run = await runShell(`exec python3 -c '${program}'`, plan);
  echo.close();
  return {
    ...run,
    // The relay of the box's own resolver introduces itself for nobody.
    asked: gateway.asked.filter(({ exe }) => exe !== ""),
    nets: run.rows.filter(({ action }) => /^Net/.test(action)),
  };
}

const onePeer = '"10.1.2.3", 80';
/** What each does, and prints when the socket is as a program expects it. */
const programs: Readonly<Record<string, readonly [script: string, output: string]>> = {
  "a blocking connection": [
    `s = socket.create_connection((${onePeer}))
print(s.recv(5), s.send(b"x"), s.recv(5))`,
    "b'hello' 1 b'x'",
  ],
  "an IPv6 socket with an IPv4 address in it": [
    `s = socket.create_connection(("::ffff:10.1.2.3", 80))
print(s.recv(5), s.family == socket.AF_INET6, s.getsockname()[0])`,
    "b'hello' True ::ffff:127.0.0.1",
  ],
  "an IPv6 address": [
    `s = socket.socket(socket.AF_INET6); s.connect(("2001:db8::1", 80))
print(s.recv(5))`,
    "b'hello'",
  ],
  "a non-blocking connection": [
    `s = socket.socket(); s.setblocking(False)
r = s.connect_ex((${onePeer})); select.select([], [s], [])
print(errno.errorcode[r], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getblocking())`,
    "EINPROGRESS 0 False",
  ],
  "a socket that was in epoll sets before it was connected": [
    `s = socket.socket(); s.setblocking(False)
sets = [select.epoll() for i in range(3)]
for p in sets: p.register(s, select.EPOLLOUT | select.EPOLLET); p.poll(0)
s.connect_ex((${onePeer}))
print([p.poll(60) == [(s.fileno(), select.EPOLLOUT)] for p in sets])
for p in sets: p.modify(s, select.EPOLLIN)
print([p.poll(60) == [(s.fileno(), select.EPOLLIN)] for p in sets])
sets[0].unregister(s); print(sets[0].poll(0), s.recv(5))`,
    "[True, True, True]\n[True, True, True]\n[] b'hello'",
  ],
  "duplicates of the socket": [
    `s = socket.socket(); d = s.dup(); s.connect((${onePeer})); print(d.recv(5), d.send(b"x"))`,
    "b'hello' 1",
  ],
  "options set before": [
    `s = socket.socket(); t = socket
s.setsockopt(t.IPPROTO_TCP, t.TCP_NODELAY, 1); s.setsockopt(t.SOL_SOCKET, t.SO_KEEPALIVE, 1)
s.setsockopt(t.IPPROTO_TCP, t.TCP_KEEPIDLE, 77); s.setsockopt(t.SOL_SOCKET, t.SO_RCVBUF, 9999)
s.setsockopt(t.SOL_SOCKET, t.SO_RCVTIMEO, b"\\1" + b"\\0" * 15)
s.connect((${onePeer}))
print(s.getsockopt(t.IPPROTO_TCP, t.TCP_NODELAY), s.getsockopt(t.SOL_SOCKET, t.SO_KEEPALIVE),
      s.getsockopt(t.IPPROTO_TCP, t.TCP_KEEPIDLE), s.getsockopt(t.SOL_SOCKET, t.SO_RCVBUF),
      s.getsockopt(t.SOL_SOCKET, t.SO_RCVTIMEO, 16)[0])`,
    "1 1 77 19998 1",
  ],
  "close-on-exec, kept and not kept": [
    `a = socket.socket(); b = socket.socket(); b.set_inheritable(True)
for s in (a, b): s.connect((${onePeer}))
print(a.get_inheritable(), b.get_inheritable())`,
    "False True",
  ],
  "the errno of a dial that failed": [
    `for port in (81, 82, 83):
    print(errno.errorcode[socket.socket().connect_ex(("10.1.2.3", port))])`,
    "ECONNREFUSED\nEHOSTUNREACH\nEACCES",
  ],
  "connecting twice": [
    `s = socket.create_connection((${onePeer})); print(errno.errorcode[s.connect_ex((${onePeer}))])`,
    "EISCONN",
  ],
  "a connection that was undone, and made again": [
    `s = socket.create_connection((${onePeer}))
libc = ctypes.CDLL(None, use_errno=True)
print(libc.connect(s.fileno(), b"\\0" * 16, 16))
try: s.getpeername()
except OSError as e: print(errno.errorcode[e.errno])
try: s.listen(); print("listens")
except OSError as e: print(errno.errorcode[e.errno])
print(s.connect_ex((${onePeer})), s.recv(5))`,
    "0\nENOTCONN\nEACCES\n0 b'hello'",
  ],
  "a blocking connection that a signal interrupts": [
    `def stop(n, f): raise InterruptedError("stopped")
signal.signal(signal.SIGALRM, stop)
try: signal.setitimer(signal.ITIMER_REAL, 0.2); socket.create_connection(("10.1.2.3", 84))
except InterruptedError as e: print(e)`,
    "stopped",
  ],
  "others while one waits": [
    `threading.Thread(target=lambda: socket.create_connection(("10.1.2.3", 84)), daemon=True).start()
time.sleep(0.1); print(socket.create_connection((${onePeer})).recv(5), flush=True)
os._exit(0)`,
    "b'hello'",
  ],
  "many at once": [
    `def go(): assert socket.create_connection((${onePeer})).recv(5) == b"hello"; done.append(1)
done = []; threads = [threading.Thread(target=go) for i in range(100)]
for t in threads: t.start()
for t in threads: t.join()
print(len(done))`,
    "100",
  ],
  "names by the C library": [
    `print(socket.getaddrinfo("some.name.example", 80, 0, socket.SOCK_STREAM)[0][4])`,
    "('198.18.0.1', 80)",
  ],
  "names asked of a resolver somewhere": [
    `q = bytes.fromhex("123401000001000000000000016100" "00010001")
for connects in (True, False):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
    if connects: s.connect(("8.8.8.8", 53)); s.send(q)
    else: s.sendto(q, ("8.8.8.8", 53))
    print(s.recv(600)[-4:])`,
    "b'\\xc6\\x12\\x00\\x01'\nb'\\xc6\\x12\\x00\\x01'",
  ],
  "datagrams, connected, addressed and as messages": [
    `s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
s.connect(("10.9.9.9", 7)); s.send(b"one"); print(s.recv(9))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
print(s.sendto(b"two", ("10.9.9.9", 7)), s.recv(9), s.sendto(b"three", ("10.9.9.9", 7)), s.recv(9))
print(s.sendmsg([b"fo", b"ur"], [], 0, ("10.9.9.9", 7)), s.recv(9))
print(s.sendmsg([b"fi", b"ve"]), s.recv(9))
try: s.sendto(b"six", ("10.9.9.9", 83))
except OSError as e: print(errno.errorcode[e.errno])`,
    "b'one'\n3 b'two' 5 b'three'\n4 b'four'\n4 b'five'\nEACCES",
  ],
  "messages whose memory the kernel would go on reading": [
    `s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
to = ("10.9.9.9", 7); later = 0x4000000
print(s.sendmsg([b"one"], [], later, to), s.recv(9))
s.setsockopt(socket.SOL_SOCKET, 60, 1)
for send in (lambda: s.sendmsg([b"two"], [], later, to), lambda: s.sendto(b"two", later, to)):
    try: print(send())
    except OSError as e: print(errno.errorcode[e.errno])
print(s.sendmsg([b"three"], [], 0, to), s.recv(9))`,
    "3 b'one'\nENOBUFS\nENOBUFS\n5 b'three'",
  ],
  "long messages on a stream, and descriptors in one": [
    `s = socket.create_connection((${onePeer})); s.recv(5)
print(s.sendmsg([b"a" * 900000]))
a, b = socket.socketpair(); f = open("/etc/passwd")
socket.send_fds(a, [b"x"], [f.fileno()]); d, fds, _, _ = socket.recv_fds(b, 10, 5)
print(d, os.fstat(fds[0]).st_ino == os.fstat(f.fileno()).st_ino)`,
    "900000\nb'x' True",
  ],
};

describe.each(scenes.map((scene) => ({ ...scene })))("$name", (scene) => {
  const needs = ["linux", "seccomp", "userns", "tool python3"] as const;

  for (const [name, [script, expected]] of Object.entries(programs)) {
    testWith(needs, `${name}`, async () => {
      const { output, exit } = await python(scene, script);
      expect(output.trim()).toBe(expected);
      expect(exit.failed).toBeUndefined();
    });
  }

  testWith(needs, "the gateway is told who asks for what; the helper records nothing", async () => {
    const { asked, nets, output } = await python(
      scene,
      `print(os.getpid()); socket.create_connection((${onePeer}))
socket.socket().connect_ex(("10.1.2.3", 83))`,
    );
    const exe = asked[0]?.exe ?? "";
    expect(exe).toMatch(/\/python3/);
    const pid = Number(output);
    expect(asked).toEqual([
      { kind: 1, noWait: false, pid, to: "10.1.2.3:80", exe },
      { kind: 1, noWait: false, pid, to: "10.1.2.3:83", exe },
    ]);
    expect(nets).toEqual([]);
  });
});

describe("in a network of its own", () => {
  const needs = ["linux", "seccomp", "userns", "tool python3"] as const;
  const [scene] = scenes;
  testWith(needs, "loopback stays inside", async () => {
    if (scene === undefined) throw new Error("there is a scene");
    const { asked, output } = await python(
      scene,
      `l = socket.create_server(("127.0.0.1", 0))
s = socket.create_connection(l.getsockname()); s.send(b"in"); print(l.accept()[0].recv(5))
s = socket.socket(); s.connect(("10.1.2.3", 80)); s.recv(5)
libc = ctypes.CDLL(None); libc.connect(s.fileno(), b"\\0" * 16, 16)
s.connect(l.getsockname()); s.send(b"in"); print(l.accept()[0].recv(5))`,
    );
    expect(output.trim()).toBe("b'in'\nb'in'");
    expect(asked.length).toBe(1);
  });

  testWith(needs, "what no rule permits inside is for the gateway to judge", async () => {
    if (scene === undefined) throw new Error("there is a scene");
    const forbidden: JudgeRule = {
      effect: "forbid",
      actions: ["NetConnect"],
      where: [{ kind: "port", op: "==", port: 90, negated: false }],
    };
    const { asked, nets } = await python(
      scene,
      `for port in (90, 91): socket.socket().connect_ex(("127.0.0.1", port))`,
      [forbidden],
    );
    expect(asked.map(({ to }) => to)).toEqual(["127.0.0.1:90"]);
    expect(nets.map(({ allowed, port }) => [allowed, port])).toEqual([[true, 91]]);
  });
});
