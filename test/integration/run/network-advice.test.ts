// What a box is told about connections it was refused: host, port and protocol, in the list it can
// read itself and in the summary, as flags that can be typed.

import { afterAll, expect } from "bun:test";
import { settings } from "../../support/box.ts";
import { testWith } from "../../support/features.ts";
import { makeScene, removeScenes, runIn } from "../../support/in-setting.ts";

afterAll(removeScenes);

const script = `
import os, socket, time
def attempt(what):
    try: what()
    except OSError: pass
tcp = lambda: socket.socket().connect(("10.1.1.1", 80))
udp = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 99))
for one in (lambda: socket.getaddrinfo("refused.test", 443), tcp, udp): attempt(one)
for _ in range(3000):
    text = open(os.environ["AEGIS_DENIED_LOG"]).read()
    if all(word in text for word in ("refused.test", '"port":80', '"port":99')): break
    time.sleep(0.02)
print(text)
`;

const expected: readonly [string, object][] = [
  ["refused.test", { port: 53, protocol: "dns", grant: "--net refused.test" }],
  [
    "10.1.1.1",
    {
      port: 80,
      protocol: "tcp",
      grant: "--net 10.1.1.1:80",
      note: "10.1.1.1 is in a private network",
    },
  ],
  ["192.0.2.1", { port: 99, protocol: "udp", grant: "--net udp:192.0.2.1:99" }],
];

for (const setting of settings()) {
  const isBare = setting.name.endsWith("no namespaces");
  const weaker = isBare ? ["--allow-weaker"] : [];

  testWith(["linux", "landlock", "seccomp"], `${setting.name}: each is told apart`, async () => {
    const flags = ["--net", "granted.test:443", ...weaker];
    const argv = ["run", ...flags, "--", "/usr/bin/python3", "-c", script];
    const { stdout, stderr } = await runIn(makeScene(setting), argv);
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    const told = lines.map((line) => JSON.parse(line));
    for (const [host, line] of expected)
      expect(told.find((one) => one.host === host)).toMatchObject(line);
    expect(stderr).toContain("allow it with --net 10.1.1.1:80 (10.1.1.1 is in a private network)");
    expect(stderr).not.toContain("--net :");
  });
}
