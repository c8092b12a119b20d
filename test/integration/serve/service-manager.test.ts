// What aegisd and aegis serve tell the service manager, heard by a socket of the kind systemd has.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { aegisBinary, cleanEnvironment } from "../../support/harness.ts";
import { programMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

/** Says `ready`, then every datagram as a line of JSON. */
const receiver = `
import json, socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print("ready", flush=True)
while True:
    print(json.dumps(s.recv(4096).decode()), flush=True)
`;

/** As `receiver`, but nothing more goes into its socket until it is told to read on. */
const busyReceiver = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
full.setblocking(False)
try:
    while True:
        full.sendto(b"other", sys.argv[1])
except BlockingIOError:
    print("ready", flush=True)
sys.stdin.readline()
while True:
    text = s.recv(4096).decode()
    if text != "other":
        print(json.dumps(text), flush=True)
`;

async function lines(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  let rest = "";
  return async function next(): Promise<string> {
    while (!rest.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`it ended: ${rest}`);
      rest += new TextDecoder().decode(value);
    }
    const cut = rest.indexOf("\n");
    const line = rest.slice(0, cut);
    rest = rest.slice(cut + 1);
    return line;
  };
}

async function heard(name: string, argv: readonly string[], env: Record<string, string>) {
  const listening = Bun.spawn(["python3", "-c", receiver, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const next = await lines(listening.stdout);
  expect(await next()).toBe("ready");
  const [argv0 = "", ...rest] = argv;
  const server = Bun.spawn([aegisBinary(), ...rest], {
    argv0,
    env: { ...cleanEnvironment(), NOTIFY_SOCKET: name, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return {
    next: async (): Promise<string> => JSON.parse(await next()),
    async end() {
      server.kill("SIGTERM");
      const status = await server.exited;
      return status;
    },
    [Symbol.dispose]() {
      server.kill("SIGKILL");
      listening.kill("SIGKILL");
    },
  };
}

describe("the service manager is told", () => {
  const socket = () => join(tempDir("notify"), "socket");
  const abstract = () => `@aegis-test-${process.pid}-${Bun.randomUUIDv7()}`;
  test.each([
    ["aegisd", socket, ["aegisd", "--addr", ":0", "--dsn", ":memory:"]],
    ["aegisd at an abstract socket", abstract, ["aegisd", "--addr", ":0", "--dsn", ":memory:"]],
    ["aegis serve", socket, ["aegis", "serve", "--addr", ":0", "--ledger", ":memory:"]],
  ] as const)("that it is ready, works and stops: %s", async (_, name, argv) => {
    const watchdog = { WATCHDOG_USEC: "1000000" };
    using service = await heard(name(), argv, watchdog);
    expect(await service.next()).toMatch(/^READY=1\nSTATUS=listening on \S+:\d+$/);
    expect(await service.next()).toBe("WATCHDOG=1");
    expect(await service.next()).toBe("WATCHDOG=1");
    const ended = service.end();
    let last = await service.next();
    while (last === "WATCHDOG=1") last = await service.next();
    expect(last).toBe("STOPPING=1");
    expect(await ended).toBe(0);
  });

  test("that it is ready as soon as it listens again, and meanwhile requests are answered", async () => {
    const name = socket();
    const busy = Bun.spawn(["python3", "-c", busyReceiver, name], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const next = await lines(busy.stdout);
    expect(await next()).toBe("ready");
    const server = Bun.spawn([aegisBinary(), "--addr", ":0", "--dsn", ":memory:"], {
      argv0: "aegisd",
      env: { ...cleanEnvironment(), NOTIFY_SOCKET: name, WATCHDOG_USEC: "200000" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    try {
      const [, port] = /:(\d+)$/.exec(await (await lines(server.stdout))()) ?? [];
      expect(await (await lines(server.stderr))()).toContain("cannot be told anything");
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`, {
        signal: AbortSignal.timeout(programMs),
      });
      expect(answer.status).toBe(200);
      busy.stdin.write("\n");
      await busy.stdin.flush();
      const heard = async (): Promise<string> => JSON.parse(await next());
      let state = await heard();
      while (state === "WATCHDOG=1") state = await heard();
      expect(state).toStartWith("READY=1");
      server.kill("SIGTERM");
      expect(await server.exited).toBe(0);
    } finally {
      server.kill("SIGKILL");
      busy.kill("SIGKILL");
    }
  });

  test("nothing of a watchdog that is another process's", async () => {
    const watchdog = { WATCHDOG_USEC: "2000", WATCHDOG_PID: "1" };
    using service = await heard(socket(), ["aegisd", "--addr", ":0"], watchdog);
    expect(await service.next()).toStartWith("READY=1");
    const ended = service.end();
    expect(await service.next()).toBe("STOPPING=1");
    expect(await ended).toBe(0);
  });

  test("and a server that cannot tell it says so, and serves", async () => {
    const server = Bun.spawn([aegisBinary(), "serve", "--addr", ":0", "--ledger", ":memory:"], {
      env: { ...cleanEnvironment(), NOTIFY_SOCKET: join(tempDir("notify"), "nobody") },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const next = await lines(server.stderr);
    const said = [await next(), await next()].join("\n");
    expect(said).toContain("cannot be told anything");
    expect(said).toContain("listening on http://127.0.0.1:");
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  });
});
