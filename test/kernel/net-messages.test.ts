// What goes along with a message, on the real kernel, where the broker sends it for the caller: its
// parts are read as the kernel reads them, whatever sizes they claim.

import { afterAll, expect } from "bun:test";
import { runBox, settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { by, permit, port, to } from "../support/ir.ts";
import { named, openNamedWeb } from "../support/named-web.ts";

const needs = ["linux", "landlock", "seccomp", "userns"] as const;

const web = openNamedWeb();
afterAll(() => web.stop());
const grants = [permit("all"), ...web.grants, permit("NetConnect", to(named), port(1), by("udp"))];

/** `send` sends one byte with control data as it is; what it says is what the kernel would. */
const head = `
import array, ctypes, errno, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
a, b = socket.socketpair()
class Piece(ctypes.Structure): _fields_ = [("base", ctypes.c_char_p), ("size", ctypes.c_size_t)]
class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_size_t), ("pieces", ctypes.POINTER(Piece)),
        ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t), ("flags", ctypes.c_size_t)]
def part(size, level, kind, data=b""): return struct.pack("Qii", size, level, kind) + data
def send(control):
    piece = Piece(b"x", 1); kept = ctypes.create_string_buffer(control, len(control))
    h = Header(None, 0, ctypes.pointer(piece), 1, ctypes.addressof(kept), len(control), 0)
    sent = libc.sendmsg(a.fileno(), ctypes.byref(h), 0)
    return sent if sent >= 0 else errno.errorcode[ctypes.get_errno()]
def numbers(*all): return array.array("i", all).tobytes()`;

/** Parts that are right, or wrong by little, in size and content; one seed. */
const anyParts = `
import random
dice = random.Random(7)
def any_part():
    data = numbers(*[dice.choice((0, 0, 0, 1, 900)) for _ in range(dice.choice((0, 1, 2, 5, 200)))])
    wrong = dice.choice((0,) * 8 + (-17, -4, 1, 4, 8, 24, 1 << 32, 1 << 63))
    kind = dice.choice(((1, 1), (1, 1), (0, 99)))
    return part((16 + len(data) + wrong) % (1 << 64), *kind, data) + bytes(-len(data) % 8)
for round in range(400):
    control = b"".join(any_part() for _ in range(dice.choice((1, 1, 2, 3))))
    control = control[:len(control) - dice.choice((0, 0, 0, 4, 8, 15))][:1280]
    sent = send(control)
    print(round, sent)
    if sent == 1:
        b.setblocking(False); data, got, flags, where = b.recvmsg(1, 8192)
        for level, kind, given in got: [os.close(n) for n in array.array("i", given)]
        print(round, sent, [len(given) // 4 for level, kind, given in got])`;

for (const setting of settings()) {
  const lines = async (script: string): Promise<string[]> => {
    const argv = ["/usr/bin/python3", "-c", `${head}\n${script}`];
    const { stdout, stderr } = await runBox(setting, grants, [], {
      resolve: () => ["127.0.0.1"],
      argv,
    });
    expect(stderr).toBe("");
    return stdout.trim().split("\n");
  };

  testWith(needs, `${setting.name}: a part that claims more than is there is refused`, async () => {
    const filling = "part(1264, 0, 99, bytes(1248))";
    const script = `
for count in (2, 3, 4, 8, 253): print(count, send(${filling} + part(16 + 4 * count, 1, 1, numbers(0, 0))))
print(send(part(17, 1, 1)), send(part(1 << 40, 1, 1, numbers(0))), send(part(8, 1, 1, numbers(0))))
print(send(part(20, 1, 1, numbers(0, 0))), [len(socket.recv_fds(b, 9, 9)[1]) for _ in range(2)])`;
    const refused = [3, 4, 8, 253].map((count) => `${count} EINVAL`);
    expect(await lines(script)).toEqual(["2 1", ...refused, "EINVAL EINVAL EINVAL", "1 [2, 1]"]);
  });

  testWith(needs, `${setting.name}: any parts are answered as without a box`, async () => {
    const bare = Bun.spawnSync(["/usr/bin/python3", "-c", `${head}\n${anyParts}`]);
    const wanted = bare.stdout.toString().trim().split("\n");
    expect(new Set(wanted.map((line) => line.split(" ")[1]))).toEqual(
      new Set(["1", "EINVAL", "EBADF"]),
    );
    expect(await lines(anyParts)).toEqual(wanted);
  });

  testWith(needs, `${setting.name}: as many descriptors are sent as the kernel takes`, async () => {
    const script = `
for count in (1, 252, 253): print(socket.send_fds(a, [b"x"], [0] * count), len(socket.recv_fds(b, 1, 260)[1]))
try: socket.send_fds(a, [b"x"], [0] * 254)
except OSError as e: print(errno.errorcode[e.errno])`;
    expect(await lines(script)).toEqual(["1 1", "1 252", "1 253", "EINVAL"]);
  });

  testWith(needs, `${setting.name}: and as many in parts of their own`, async () => {
    const script = `
for count in (53, 54, 253, 254):
    sent = send(b"".join(part(20, 1, 1, numbers(0)) + bytes(4) for _ in range(count)))
    print(count, sent, len(socket.recv_fds(b, 1, 260)[1]) if sent == 1 else "")`;
    const taken = [53, 54, 253].map((count) => `${count} 1 ${count}`);
    expect(await lines(script)).toEqual([...taken, "254 EINVAL"]);
  });

  testWith(needs, `${setting.name}: messages that wait are kept up to a bound`, async () => {
    const script = `
import queue, threading
size = 1 << 20; told = queue.Queue(); pairs = [socket.socketpair() for _ in range(48)]
for one, _ in pairs:
    threading.Thread(target=lambda one=one: told.put(socket.send_fds(one, [bytes(size)], [0])), daemon=True).start()
short = [told.get(timeout=60) for _ in range(16)]
print(all(0 < sent < size for sent in short))
def read(other):
    with open(other.fileno(), "rb", closefd=False) as file: file.read(size)
for one, other in pairs: threading.Thread(target=read, args=(other,), daemon=True).start()
print([told.get(timeout=60) for _ in range(32)] == [size] * 32)
print(send(part(20, 1, 1, numbers(0))), flush=True); os._exit(0)`;
    expect(await lines(script)).toEqual(["True", "True", "1"]);
  });
}
