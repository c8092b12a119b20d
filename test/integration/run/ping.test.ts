// `--net icmp:HOST` with echo requests that are really sent and answered, in a network of the
// test's own: to what is granted, and to nothing else.

import { afterAll, expect } from "bun:test";
import { containers, type Setting, settings } from "../../support/box.ts";
import { testWith } from "../../support/features.ts";
import { isRoot } from "../../support/harness.ts";
import { makeScene, removeScenes, runIn } from "../../support/in-setting.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

afterAll(removeScenes);

/** As ping does: a datagram socket of ICMP, which the kernel lets send echo requests alone. */
const ping = `
import socket, struct, sys
def ping(address, connects):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(60)
    body = struct.pack(">BBHHH", 8, 0, 0, 0, 1) + b"are you there"
    if connects: s.connect((address, 0)); s.send(body)
    else: s.sendto(body, (address, 0))
    kind, rest = s.recv(99)[0], b""
    return "answered" if kind == 0 else "type %d" % kind
for address in sys.argv[1:]:
    for connects in (True, False):
        try: print(address, ping(address, connects))
        except OSError as e: print(address, type(e).__name__)
`;

/** A network with two addresses of its own, where everybody may ping. */
function ownNetwork(setting: Setting): Setting {
  const prepare = [
    "ip link set lo up",
    "ip address add 192.0.2.1/32 dev lo",
    "ip address add 192.0.2.2/32 dev lo",
    "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range",
    'exec "$@"',
  ].join(" && ");
  const enter = ["unshare", "--net", "/bin/sh", "-c", prepare, "sh"];
  return { ...setting, through: (argv) => [...enter, ...setting.through(argv)] };
}

if (isRoot())
  for (const setting of settings()) {
    const weaker = setting.name.endsWith("no namespaces") ? ["--allow-weaker"] : [];
    const run = async (...flags: readonly string[]) => {
      const scene = makeScene(ownNetwork(setting));
      const command = ["--", "/usr/bin/python3", "-c", ping, "192.0.2.1", "192.0.2.2"];
      const { stdout } = await runIn(scene, ["run", ...weaker, ...flags, ...command]);
      return stdout.trim().split("\n");
    };

    testWith(needs, `${setting.name}: the address that is granted answers, alone`, async () => {
      expect(await run("--net", "icmp:192.0.2.1")).toEqual([
        "192.0.2.1 answered",
        "192.0.2.1 answered",
        "192.0.2.2 PermissionError",
        "192.0.2.2 PermissionError",
      ]);
    });

    testWith(needs, `${setting.name}: a grant of TCP or UDP is none to ping`, async () => {
      const lines = await run("--net", "192.0.2.1", "--net", "udp:192.0.2.1");
      expect(lines.filter((line) => !line.endsWith("PermissionError"))).toEqual([]);
    });

    testWith(needs, `${setting.name}: what is forbidden wins`, async () => {
      const lines = await run("--net", "icmp:192.0.2.0/24", "--deny-net", "icmp:192.0.2.1");
      expect(lines).toEqual([
        "192.0.2.1 PermissionError",
        "192.0.2.1 PermissionError",
        "192.0.2.2 answered",
        "192.0.2.2 answered",
      ]);
    });
  }

if (isRoot())
  for (const setting of containers()) {
    const run = async (...flags: readonly string[]) => {
      const scene = makeScene(ownNetwork(setting));
      const command = ["--", "/usr/bin/python3", "-c", ping, "192.0.2.1"];
      const { stdout, stderr } = await runIn(scene, [
        "run",
        "--allow-weaker",
        ...flags,
        ...command,
      ]);
      return { answers: stdout.trim().split("\n"), stderr };
    };

    testWith(needs, `${setting.name}: no ping goes by name, which is said`, async () => {
      const { answers, stderr } = await run("--net", "icmp:192.0.2.1", "--net", "192.0.2.1:9");
      expect(answers).toEqual(["192.0.2.1 PermissionError", "192.0.2.1 PermissionError"]);
      expect(stderr).toContain("denied by box:ping: in a container");
      expect(stderr).toContain("allow it with --net all (or --net icmp:HOST");
    });

    testWith(needs, `${setting.name}: where everything is granted it is answered`, async () => {
      const { answers } = await run("--net", "all");
      expect(answers).toEqual(["192.0.2.1 answered", "192.0.2.1 answered"]);
    });
  }
