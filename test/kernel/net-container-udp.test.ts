// UDP by name in a container of default settings: the program's own socket only receives, and
// aegis sends for it from the same port. Servers are the test's own, on loopback.

import { afterAll, expect } from "bun:test";
import type { Capability } from "../../src/model/capability.ts";
import { containers, runBox, type Setting } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { makeScene, removeScenes, runIn } from "../support/in-setting.ts";
import { by, inNetwork, loopback, permit, port, to } from "../support/ir.ts";
import { named } from "../support/named-web.ts";

const needs = ["linux", "landlock", "seccomp", "tool python3"] as const;

/** Answers in capitals; `heard` is what came. */
async function openEcho(hostname: string) {
  const heard: string[] = [];
  const socket = await Bun.udpSocket({
    hostname,
    port: 0,
    socket: {
      data(own, message, from, address) {
        heard.push(message.toString());
        own.send(message.toString().toUpperCase(), from, address);
      },
      error() {
        // ignored: who is answered may be gone
      },
    },
  });
  return { heard, socket, port: socket.port };
}

const echo = await openEcho("127.0.0.1");
const echo6 = await openEcho("::1");
const other = await openEcho("127.0.0.1");
afterAll(() => {
  removeScenes();
  for (const { socket } of [echo, echo6, other]) socket.close();
});
const grants: readonly Capability[] = [
  permit("FileRead FileWrite FileDelete DirCreate DirList ProcessSpawn"),
  permit("NetBind", by("udp")),
  permit("NetConnect", to(named), port(echo.port), by("udp")),
  permit("NetConnect", loopback, port(echo.port), by("udp")),
  permit("NetConnect", inNetwork("::1", 128), port(echo6.port), by("udp")),
];

async function run(setting: Setting, script: string) {
  const result = await runBox(setting, grants, [], {
    resolve: () => ["127.0.0.1"],
    environment: ["PATH=/usr/bin:/bin", "RES_OPTIONS=use-vc"],
    argv: ["/usr/bin/python3", "-c", `${prelude}\n${script}`],
  });
  return { ...result, lines: result.stdout.trim().split("\n") };
}

const prelude = `import ctypes, errno, os, select, socket, struct, threading
libc = ctypes.CDLL(None, use_errno=True)
def tried(deed):
    try: return deed()
    except OSError as e: return errno.errorcode[e.errno]
def made(family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(60); return s
address = socket.getaddrinfo("${named}", ${echo.port}, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
elsewhere = ("127.0.0.1", ${other.port})
class Piece(ctypes.Structure): _fields_ = [("at", ctypes.c_char_p), ("size", ctypes.c_size_t)]
class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint), ("pieces", ctypes.POINTER(Piece)),
                ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
                ("flags", ctypes.c_int)]
class Message(ctypes.Structure): _fields_ = [("header", Header), ("sent", ctypes.c_uint)]
def header(data, place=None):
    piece = Piece(data, len(data))
    h = Header(None, 0, ctypes.pointer(piece), 1, None, 0, 0)
    if place:
        h.kept = ctypes.create_string_buffer(struct.pack("=H", 2) + struct.pack(">H", place[1]) + socket.inet_aton(place[0]) + bytes(8), 16)
        h.name, h.name_size = ctypes.addressof(h.kept), 16
    return h`;

/** What a program sees of its own socket, in lines. */
const sights: readonly (readonly [string, string, readonly string[]])[] = [
  [
    "what is sent to a name is answered, by every call that sends",
    `s = made()
s.sendto(b"to", address); print(s.recv(9))
s.sendmsg([b"me", b"ssage"], [], 0, address); print(s.recv(9))
s.connect(address); s.send(b"sent"); print(s.recv(9)); s.sendmsg([b"again"]); print(s.recv(9))
two = (Message * 2)(); two[0].header = header(b"first"); two[1].header = header(b"second", address)
done = 0
while done < 2:
    done += libc.sendmmsg(s.fileno(), ctypes.byref(two, done * ctypes.sizeof(Message)), 2 - done, 0)
print(two[0].sent, two[1].sent, s.recv(9), s.recv(9))`,
    ["b'TO'", "b'MESSAGE'", "b'SENT'", "b'AGAIN'", "5 6 b'FIRST' b'SECOND'"],
  ],
  [
    "what is written is sent, and files are written to as they were",
    `s = made(); s.connect(address); print(os.write(s.fileno(), b"one"), s.recv(9))
print(os.writev(s.fileno(), [b"t", b"wo"]), s.recv(9), (u := made()) and tried(lambda: os.write(u.fileno(), b"x")))
f = os.memfd_create("f", 8); os.dup2(f, 700); os.write(700, b"file"); print(os.pread(f, 9, 0))
low = os.dup(s.fileno()); print(tried(lambda: os.write(low, b"x"))); socket.socket(fileno=low).send(b"low"); print(s.recv(9))
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); t = made(); t.connect(address); t.send(b"few"); print(t.recv(9))`,
    ["3 b'ONE'", "3 b'TWO' EDESTADDRREQ", "b'file'", "EPIPE", "b'LOW'", "b'FEW'"],
  ],
  [
    "a socket keeps its port, its peer and its options",
    `s = made(); s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 7); s.bind(("", 0)); own = s.getsockname()[1]
s.connect(address); s.send(b"x"); print(s.recv(9), s.getsockname()[1] == own, s.getpeername() == ("127.0.0.1", ${echo.port}))
libc.connect(s.fileno(), bytes(16), 16); s.sendto(b"y", address); print(s.recv(9), s.getsockname()[1] == own)
print(s.getsockopt(socket.IPPROTO_IP, socket.IP_TTL), select.select([], [s], [], 0)[1] == [s])`,
    ["b'X' True True", "b'Y' False", "7 True"],
  ],
  [
    "a socket bound to one address sends from there",
    `s = made(); s.bind(("127.0.0.1", 0)); s.sendto(b"bound", address); print(s.recv(9))`,
    ["b'BOUND'"],
  ],
  [
    "IPv6, and IPv4 inside it",
    `s = made(socket.AF_INET6); s.sendto(b"six", ("::1", ${echo6.port})); print(s.recv(9))
s = made(socket.AF_INET6); s.connect(("::ffff:127.0.0.1", ${echo.port})); s.send(b"four"); print(s.recv(9))`,
    ["b'SIX'", "b'FOUR'"],
  ],
  [
    "many sockets at once get their own answers, each on a port of its own",
    `ports, out = set(), []
def one(i):
    s = made(); word = b"w%d" % i
    for _ in range(20):
        s.sendto(word, address); out.append(s.recv(9) == word.upper())
    ports.add(s.getsockname()[1]); still.append(s)
still = []
threads = [threading.Thread(target=one, args=(i,)) for i in range(30)]
[t.start() for t in threads]; [t.join() for t in threads]; print(len(ports), len(out), all(out))`,
    ["30 600 True"],
  ],
  [
    "a peer that is not there is told on the socket",
    `s = made(); s.sendto(b"x", address); print(s.recv(9))
libc.connect(s.fileno(), bytes(16), 16); print(tried(lambda: s.send(b"x")))
s.sendto(b"back", address); print(s.recv(9))`,
    ["b'X'", "EDESTADDRREQ", "b'BACK'"],
  ],
  [
    "nothing but what is granted, by no call",
    `s = made(); t = made(); t.connect(address)
for one in (s, t):
    print(tried(lambda: one.sendto(b"secret", elsewhere)), tried(lambda: one.sendmsg([b"secret"], [], 0, elsewhere)))
    h = Message(header(b"secret", elsewhere)); print(libc.sendmmsg(one.fileno(), ctypes.byref(h), 1, 0), errno.errorcode[ctypes.get_errno()])
print(tried(lambda: s.connect(elsewhere)), tried(lambda: os.write(s.fileno(), b"secret")))
print(tried(lambda: made().sendto(b"secret", ("127.0.0.2", ${echo.port}))))
print(tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)))
print(tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)))
t.send(b"ok"); print(t.recv(9))`,
    [
      "EACCES EACCES",
      "-1 EACCES",
      "EACCES EACCES",
      "-1 EACCES",
      "EACCES EDESTADDRREQ",
      "EACCES",
      "EACCES",
      "EACCES",
      "b'OK'",
    ],
  ],
  [
    "no route of its own",
    `route = bytes([131, 7, 4]) + socket.inet_aton("127.0.0.9") + bytes(1)
segments = bytes([0, 2, 4, 0, 0, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, "::9")
s, six = made(), made(socket.AF_INET6)
print(tried(lambda: s.setsockopt(0, 4, route)), tried(lambda: six.setsockopt(41, 57, segments)))
print(tried(lambda: s.sendmsg([b"led"], [(0, 7, route)], 0, address)))
print(tried(lambda: six.sendmsg([b"led"], [(41, 57, segments)], 0, ("::1", ${echo6.port}))))
s.sendmsg([b"marked"], [(0, 1, bytes([8, 0, 0, 0]))], 0, address); print(s.recv(9))`,
    ["EPERM EPERM", "EPERM", "EPERM", "b'MARKED'"],
  ],
  [
    "a resolver that knows UDP alone finds granted names",
    `def ask(name):
    s = made(); s.connect(("127.0.0.1", 53))
    labels = b"".join(bytes([len(l)]) + l for l in name.split(b"."))
    s.send(b"\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + labels + b"\\0\\0\\1\\0\\1"); return s.recv(512)
answer = ask(b"${named}"); print(socket.inet_ntoa(answer[-4:]).startswith("198.18."), answer[3] & 15)
print(ask(b"unknown.test")[3] & 15)`,
    ["True 0", "3"],
  ],
  [
    "other sockets send as they did",
    `a, b = socket.socketpair(); a.send(b"x"); a.sendmsg([b"y", b"z"]); print(b.recv(9), tried(lambda: a.sendmsg([b"x"], [], 0, "/no")))
socket.send_fds(a, [b"d"], [0]); print(len(socket.recv_fds(b, 1, 1)[1]))`,
    ["b'xyz' ENOENT", "1"],
  ],
];

/**
 * A message without a name is judged on a pair of sockets, where it passes. Before the kernel
 * looks, one for datagrams takes the number, and the message has got a name nothing grants.
 */
const swaps = `pair, far = socket.socketpair(); pair.setblocking(False)
fds = [made() for _ in range(2)]; [s.sendto(b"x", address) for s in fds]
at = os.dup(pair.fileno()); is_running = True
h = header(b"secret", elsewhere); name = h.name
def swap():
    while is_running:
        for s in fds:
            h.name = name; libc.dup2(s.fileno(), at)
            h.name = None; libc.dup2(pair.fileno(), at)
def drain():
    while is_running: tried(lambda: far.recv(65536, socket.MSG_DONTWAIT))
threads = [threading.Thread(target=swap), threading.Thread(target=drain)]; [t.start() for t in threads]
answers = set()
for _ in range(20000):
    sent = libc.sendmsg(at, ctypes.byref(h), 0x4040)
    answers.add(errno.errorcode[ctypes.get_errno()] if sent < 0 else str(sent))
is_running = False; [t.join() for t in threads]; print(sorted(answers))`;

for (const setting of containers()) {
  for (const [name, script, wanted] of sights)
    testWith(needs, `${setting.name}: ${name}`, async () => {
      const { lines, stderr } = await run(setting, script);
      expect(stderr).toBe("");
      expect(lines).toEqual([...wanted]);
      expect(other.heard).toEqual([]);
    });

  testWith(needs, `${setting.name}: each peer is judged and recorded once`, async () => {
    const { connections } = await run(
      setting,
      `s = made(); [s.sendto(b"x", address) for _ in range(5)]; tried(lambda: s.sendto(b"x", elsewhere))`,
    );
    const shown = connections.filter(({ protocol }) => protocol === "udp");
    expect(shown.map(({ host, port: at, decision }) => [host, at, decision])).toEqual([
      [named, echo.port, "allow"],
      ["127.0.0.1", other.port, "deny"],
    ]);
  });

  testWith(
    needs,
    `${setting.name}: a descriptor swapped under a message sends nothing`,
    async () => {
      const { stdout, stderr } = await run(setting, swaps);
      expect(stderr).toBe("");
      // Both were met: the pair, and one for datagrams.
      expect(stdout).toContain("6");
      expect(stdout).toContain("EACCES");
      expect(other.heard).toEqual([]);
    },
  );

  testWith(needs, `${setting.name}: aegis run grants UDP by name`, async () => {
    const scene = makeScene(setting);
    const send = `import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
s.sendto(b"hi", ("127.0.0.1", ${echo.port})); print(s.recv(9))`;
    const net = ["--net", `udp:localhost:${echo.port}`];
    const result = await runIn(scene, ["run", ...net, "--", "/usr/bin/python3", "-c", send]);
    expect(result.stdout).toBe("b'HI'\n");
  });
}
