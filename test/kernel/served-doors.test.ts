// Servers in a box with a network of its own, reached from outside through the helper, where it has
// no descriptor left for one more connection.

import { expect } from "bun:test";
import { endWithTests } from "../support/endings.ts";
import { testWith } from "../support/features.ts";
import { freePort } from "../support/free-port.ts";
import {
  aegisBinary,
  asPlainUser,
  cleanEnvironment,
  giveToPlainUser,
  waitFor,
} from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp", "userns", "tool python3"] as const;
const server = (port: number) => `
import socket
listener = socket.create_server(("127.0.0.1", ${port}), backlog=200); kept = []
print("up", flush=True)
while True: kept.append(listener.accept()[0]); kept[-1].send(b"served")`;

// A connection takes two descriptors; with one of these numbers the last one is left over.
for (const files of [80, 81])
  testWith(needs, `who is too many for ${files} descriptors is turned away`, async () => {
    const folder = giveToPlainUser(tempDir("doors"));
    const port = freePort();
    const flags = ["--quiet", "--net", "localhost:9", "--listen", `${port}`, "--dir", folder];
    const program = ["/usr/bin/python3", "-c", server(port)];
    const limited = ["/bin/sh", "-c", `ulimit -n ${files} && exec "$@"`, "sh"];
    const child = Bun.spawn(
      asPlainUser([...limited, aegisBinary(), "run", ...flags, "--", ...program]),
      {
        cwd: folder,
        env: cleanEnvironment({ HOME: folder, PATH: "/usr/bin:/bin" }),
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    endWithTests(child);
    const first = await child.stdout.getReader().read();
    expect(new TextDecoder().decode(first.value)).toBe("up\n");
    let [served, away] = [0, 0];
    for (let each = 1; each <= 60; each += 1) {
      let heard = "";
      await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: {
          data: (_, bytes) => {
            heard += bytes.toString();
            if (heard === "served") served += 1;
          },
          close: () => {
            if (heard === "") away += 1;
          },
        },
      });
      await waitFor(`an answer to connection ${each}`, () => served + away === each);
    }
    expect(served).toBeGreaterThan(10);
    expect(away).toBeGreaterThan(10);
    child.kill("SIGTERM");
    await child.exited;
  });
