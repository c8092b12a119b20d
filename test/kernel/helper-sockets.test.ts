// Socket calls the helper performs on the caller's own socket: they work as without a box, and
// reach nobody but the peer that was judged.

import { describe, expect } from "bun:test";
import { join } from "node:path";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import {
  allBut,
  allNamespaces,
  audited,
  forbid,
  runShell,
  testProgram,
} from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const act = testProgram("act");
const attack = testProgram("attack");

interface Scene {
  readonly output: string;
  readonly rows: readonly string[];
}

/** A shell line that serves one port of 127.0.0.1 for ever, and waits until it does. */
const serve = (port: number) =>
  `python3 -c '
import socket, threading
s = socket.create_server(("127.0.0.1", ${port}), backlog=64)
print("up", flush=True)
while True: s.accept()[0].close()' >up${port} & until test -s up${port}; do :; done`;

const anyAddress: JudgeRule = {
  effect: "permit",
  actions: ["NetConnect", "NetBind"],
  where: [{ kind: "host-equals", host: "127.0.0.1", negated: false }],
};

function noPort(port: number): JudgeRule {
  return {
    effect: "forbid",
    actions: ["NetConnect"],
    where: [{ kind: "port", op: "==", port, negated: false }],
  };
}

async function online(script: string, rules: readonly JudgeRule[]): Promise<Scene> {
  const folder = tempDir("sockets");
  const plan = {
    ...audited({ broker: true, rules: allBut(...rules) }),
    namespaces: allNamespaces(),
    mounts: [{ kind: "proc" } as const],
    directory: folder,
    environment: [`PATH=${process.env.PATH ?? "/usr/bin:/bin"}`],
  };
  const { rows, output } = await runShell(script, plan);
  const nets = rows.filter((row) => row.action.startsWith("Net"));
  return {
    output,
    rows: nets.map((row) => `${row.allowed ? "+" : "-"} ${row.action} ${row.path}:${row.port}`),
  };
}

describe("sockets", () => {
  testWith(["userns", "tool python3"], "work as without a box", async () => {
    const script = `python3 - <<'END'
import asyncio, os, socket, threading
def answer(server):
    peer, _ = server.accept(); peer.sendall(b"hello"); peer.close()
def ask(server, client, address):
    thread = threading.Thread(target=answer, args=(server,)); thread.start()
    client.connect(address); print(client.recv(9).decode()); thread.join()
a = socket.create_server(("127.0.0.1", 0)); ask(a, socket.socket(), a.getsockname())
timed = socket.socket(); timed.settimeout(60); ask(a, timed, a.getsockname())
b = socket.socket(socket.AF_UNIX); b.bind("named.sock"); b.listen(); print(b.getsockname())
ask(b, socket.socket(socket.AF_UNIX), os.path.abspath("named.sock"))
c = socket.socket(socket.AF_UNIX); c.bind("\\0hidden"); c.listen()
ask(c, socket.socket(socket.AF_UNIX), "\\0hidden")
async def main():
    async def greet(reader, writer): writer.write(b"async"); await writer.drain(); writer.close()
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print((await reader.read(9)).decode())
asyncio.run(main())
for address, kind in ((("127.0.0.1", 9), socket.AF_INET), ("missing.sock", socket.AF_UNIX)):
    try: socket.socket(kind).connect(address)
    except OSError as error: print(error.strerror)
END
      stat -c %a named.sock`;
    const { output } = await online(`umask 027; ${script}`, [anyAddress]);
    expect(output.trim().split("\n")).toEqual([
      "hello",
      "hello",
      "named.sock",
      "hello",
      "hello",
      "async",
      "Connection refused",
      "No such file or directory",
      "750",
    ]);
  });

  testWith(["userns", "tool python3"], "reach no port the policy denies, and say so", async () => {
    const script = `${serve(4001)}; ${serve(4002)}
      # bash says it twice
      for port in 4001 4002; do (: </dev/tcp/127.0.0.1/$port) 2>&1 | sed 's/.*: //'; done; exit`;
    const bash = `exec /bin/bash -c '${script.replaceAll("'", `'"'"'`)}'`;
    const { output, rows } = await online(bash, [noPort(4002), anyAddress]);
    expect(output).toBe("Permission denied\nPermission denied\n");
    expect(rows.filter((row) => row.includes("NetConnect"))).toEqual([
      "+ NetConnect 127.0.0.1:4001",
      "- NetConnect 127.0.0.1:4002",
    ]);
  });

  testWith(["userns", "tool python3"], "are recorded, whoever waits for them", async () => {
    const script = `${serve(4001)}; python3 -c '
import select, socket
def start(port):
    s = socket.socket(); s.setblocking(False)
    first = s.connect_ex(("127.0.0.1", port))
    select.select([], [s], [])
    print(first, s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
start(4001); start(4009)
print(socket.socket().connect_ex(("127.0.0.1", 4008)))'`;
    const { output, rows } = await online(script, [anyAddress]);
    // EINPROGRESS, and how it ended.
    expect(output).toBe("115 0\n115 111\n111\n");
    expect(rows.filter((row) => row.includes("NetConnect"))).toEqual([
      "+ NetConnect 127.0.0.1:4001",
      "+ NetConnect 127.0.0.1:4009",
      "+ NetConnect 127.0.0.1:4008",
    ]);
  });

  testWith(["userns", "tool python3"], "reach no other port when the address changes", async () => {
    const script = `${serve(4001)}; ${serve(4002)}; ${attack} swap-connect 4001 4002 500`;
    const { output, rows } = await online(script, [noPort(4002), anyAddress]);
    expect(output).toBe("0\n");
    expect(rows).toContain("- NetConnect 127.0.0.1:4002");
    expect(rows).toContain("+ NetConnect 127.0.0.1:4001");
  });

  testWith(["userns", "tool python3"], "messages arrive whole, or not at all", async () => {
    const receive = `python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 4003))
print("up", flush=True)
for _ in range(4): print(s.recv(9).decode(), flush=True)' >up & until test -s up; do :; done`;
    const script = `${receive}; ${act} sendmsg 4003; wait; cat up`;
    const granted = await online(script, [anyAddress]);
    expect(granted.output).toBe("ok\nok\nok\nup\ndata\ndata\ndata\ndata\n");
    const denied = await online(`${act} sendmsg 4003`, []);
    expect(denied.output).toBe("EACCES\nEACCES\nEACCES\n");
    expect(denied.rows).toEqual(Array(3).fill("- NetConnect 127.0.0.1:4003"));
  });

  testWith(["userns", "tool python3"], "a path fills its address and goes no further", async () => {
    const script = `import ctypes, errno, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
for size in (108, 109, 126, 127):
    for call in (libc.connect, libc.bind):
        s = socket.socket(socket.AF_UNIX); name = struct.pack("H", 1) + b"x" * size
        print(size, errno.errorcode.get(ctypes.get_errno()) if call(s.fileno(), name, len(name)) else 0)`;
    const bare = Bun.spawnSync(["python3", "-c", script], { cwd: tempDir("bare") });
    const wanted = bare.stdout.toString();
    expect(wanted).toBe(
      `108 ENOENT\n108 0\n${"109 EINVAL\n126 EINVAL\n127 EINVAL\n".replaceAll(/.*\n/g, "$&$&")}`,
    );
    expect((await online(`python3 - <<'END'\n${script}\nEND`, [anyAddress])).output).toBe(wanted);
  });

  const spellings: [name: string, address: string, row: string][] = [
    ["any address is this machine", '("0.0.0.0", 9)', "- NetConnect 127.0.0.1:9"],
    ["a mapped address is the one inside", '("::ffff:10.1.2.3", 9)', "- NetConnect 10.1.2.3:9"],
    ["the other any address", '("::", 9)', "- NetConnect ::1:9"],
  ];
  for (const [name, address, row] of spellings) {
    testWith(["userns", "tool python3"], name, async () => {
      const family = address.includes("::") ? "AF_INET6" : "AF_INET";
      const script = `python3 -c 'import socket
try: socket.socket(socket.${family}).connect(${address})
except OSError as error: print(error.strerror)'`;
      const { output, rows } = await online(script, []);
      expect(output).toBe("Permission denied\n");
      expect(rows).toEqual([row]);
    });
  }

  testWith(
    ["userns", "tool python3"],
    "listening without a port is binding to port 0",
    async () => {
      const script = `python3 -c 'import socket
try: socket.socket().listen()
except OSError as error: print(error.strerror)'`;
      expect(await online(script, [])).toMatchObject({
        output: "Permission denied\n",
        rows: ["- NetBind 0.0.0.0:0"],
      });
      const free: JudgeRule = { effect: "permit", actions: ["NetBind"], where: [] };
      expect(await online(script, [free])).toMatchObject({
        output: "",
        rows: ["+ NetBind 0.0.0.0:0"],
      });
    },
  );

  testWith(["userns", "tool python3"], "a path socket is judged as the file it is", async () => {
    const outside = tempDir("outside");
    const server = Bun.listen({
      unix: join(outside, "host.sock"),
      socket: { data: () => {}, open: (socket) => void socket.end("secret") },
    });
    const script = `python3 -c 'import socket
s = socket.socket(socket.AF_UNIX)
try: s.connect("${outside}/host.sock"); print(s.recv(9))
except OSError as error: print(error.strerror)'`;
    const forbidden = forbid(outside, "FileWrite");
    expect((await online(script, [forbidden])).output).toBe("Permission denied\n");
    expect((await online(script, [])).output).toBe("b'secret'\n");
    server.stop(true);
  });
});
