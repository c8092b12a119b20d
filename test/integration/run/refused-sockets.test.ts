// Attempts to reach the network that a box refuses before an address counts: each leaves a row with
// what was tried, however it was refused, and many equal ones leave few rows.

import { afterAll, describe, expect, test } from "bun:test";
import { settings } from "../../support/box.ts";
import { makeScene, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";

afterAll(removeScenes);

const tried = `
import errno, os, socket, sys
def attempt(name, work):
    try: work(); print(name, "ok")
    except OSError as error: print(name, errno.errorcode[error.errno])
def made(*kind): return lambda: socket.socket(*kind).close()
def sent(family, address): return lambda: socket.socket(family, 2).sendto(b"x", address)
def message(): socket.socket(2, 2).sendmsg([b"x"], [], 0, ("192.0.2.9", 53))
def opened(): socket.socket(2, 1).sendto(b"x", 0x20000000, ("192.0.2.9", 443))
attempt("raw", made(2, 3, 1))
attempt("packet", made(17, 3, 0))
attempt("uevents", made(16, 3, 15))
attempt("routes", made(16, 3, 0))
attempt("vsock", made(40, 1, 0))
attempt("ping", made(2, 2, 1))
attempt("ping 6", made(10, 2, 58))
attempt("udp", sent(2, ("192.0.2.7", 53)))
attempt("udp 6", sent(10, ("2001:db8::7", 53)))
attempt("message", message)
attempt("fast open", opened)
attempt("path", made(1, 1, 0))
inside = socket.socket(2, 2) if sys.argv[1] == "own" else None
if inside:
    inside.bind(("127.0.0.1", 0)); attempt("itself", lambda: inside.sendto(b"x", inside.getsockname()))
`;

/** By a shell, which finds the one that may be run. */
function python(script: string, argument = ""): readonly string[] {
  return ["--", "sh", "-c", 'exec python3 -c "$1" "$2"', "sh", script, argument];
}

interface Row {
  readonly path: string;
  readonly port?: number;
  readonly rule: string;
  readonly decision: string;
  readonly count: number;
}

async function denials(scene: Scene): Promise<readonly Row[]> {
  const shown = await runIn(scene, ["log", "--json", "--denied", "--last", "1000"]);
  const { entries } = JSON.parse(shown.stdout) as { entries: { payload: Row }[] };
  return entries.map(({ payload }) => payload);
}

const always = [
  "socket:inet/raw/icmp box:sockets",
  "socket:packet/raw box:sockets",
  "socket:netlink/raw/15 box:sockets",
  "socket:netlink/raw/route ",
  "socket:vsock/stream box:sockets",
  "socket:inet/dgram/icmp ",
  "socket:inet6/dgram/icmp6 ",
];
const refusals = ["raw EACCES", "packet EAFNOSUPPORT", "uevents EAFNOSUPPORT"];
const more = ["routes EAFNOSUPPORT", "vsock EAFNOSUPPORT", "ping EACCES", "ping 6 EACCES"];

for (const setting of settings()) {
  const isBare = setting.name.endsWith("no namespaces");
  const flags = isBare ? ["--allow-weaker"] : [];

  describe(setting.name, () => {
    test("a box without network records every refused socket and datagram", async () => {
      const scene = makeScene(setting);
      const command = python(tried, isBare ? "none" : "own");
      const { stdout, stderr } = await runIn(scene, ["run", ...flags, ...command]);
      const sends = isBare
        ? ["udp EACCES", "udp 6 EACCES", "message EACCES", "fast open EACCES", "path ok"]
        : ["udp EACCES", "udp 6 EACCES", "message EACCES", "fast open ENOTSUP", "path ok"];
      const inside = isBare ? [] : ["itself ok"];
      expect(stdout.trim().split("\n")).toEqual([...refusals, ...more, ...sends, ...inside]);
      const rows = (await denials(scene)).map(({ path, port, rule }) =>
        port === undefined ? `${path} ${rule}` : `${path}:${port} ${rule}`,
      );
      const addressed = isBare
        ? ["socket:inet/dgram/udp ", "socket:inet6/dgram/udp ", "socket:inet/stream/tcp "]
        : ["192.0.2.7:53 ", "2001:db8::7:53 ", "192.0.2.9:53 ", "192.0.2.9:443 "];
      for (const row of [...always, ...addressed]) expect(rows).toContain(row);
      expect(rows.filter((row) => row.startsWith("socket:unix"))).toEqual([]);
      if (isBare) expect(stderr).toContain("allow it with --net udp:HOST:PORT");
    });

    test("many equal attempts leave few rows, and none is lost", async () => {
      const scene = makeScene(setting);
      const script = `
import socket
for _ in range(100000):
    try: socket.socket(17, 3)
    except OSError: pass`;
      const { stderr } = await runIn(scene, ["run", "--quiet", ...flags, ...python(script)]);
      expect(stderr).toBe("");
      const rows = (await denials(scene)).filter(({ path }) => path === "socket:packet/raw");
      expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(100_000);
      expect(rows.length).toBeLessThan(2000);
    });

    test("the box itself reads of them, with what would grant them", async () => {
      const scene = makeScene(setting);
      const script =
        `python3 -c 'import socket\ntry: socket.socket(16, 3, 0)\nexcept OSError: pass'; ` +
        'for i in $(seq 3000); do grep socket: "$AEGIS_DENIED_LOG" && break; sleep 0.02; done';
      const { stdout } = await runIn(scene, ["run", ...flags, "--", "sh", "-c", script]);
      expect(JSON.parse(stdout.split("\n")[0] ?? "")).toMatchObject({
        operation: "NetConnect",
        path: "socket:netlink/raw/route",
        rule: null,
        grant: "--net all",
        program: expect.stringContaining("python3"),
      });
    });
  });
}
