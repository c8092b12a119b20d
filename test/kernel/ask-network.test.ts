// `aegis run --ask` about connections: with a real box, a real terminal and somebody who answers.

import { afterAll, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  askedLaunchers,
  askedPlace,
  eventsOf,
  runAsked,
  runUnasked,
  textOf,
} from "../support/asked.ts";
import { programs } from "../support/box.ts";
import { testWith } from "../support/features.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

const served: string[] = [];
const web = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => {
    served.push(new URL(request.url).pathname);
    return new Response("served\n");
  },
});
afterAll(() => web.stop(true));

const peer = `127.0.0.1:${web.port}`;
/** The proxy, because 127.0.0.1 of a box with a network of its own is the box. */
const get = (path: string) => `curl -sS --noproxy "" --max-time 60 http://${peer}/${path}`;
const twice = `${get("one")}; ${get("two")}; echo done`;
const flags = ["--read", "/etc"];

for (const [where, launcher, weaker] of askedLaunchers) {
  const rows: readonly [string, readonly string[], readonly string[]][] = [
    ["once is for one connection", ["o", "n"], ["/one"]],
    ["no is no", ["n", "o"], ["/two"]],
    ["session is for all to this peer", ["s"], ["/one", "/two"]],
    ["deny is for the session", ["d"], []],
  ];
  for (const [name, keys, paths] of rows)
    testWith(needs, `${where}: ${name}`, async () => {
      served.length = 0;
      const place = askedPlace();
      await using asked = runAsked(place, twice, [...flags, ...weaker], launcher());
      for (const key of keys) {
        const question = await asked.question();
        expect(question).toContain(`wants to connect to\r\n    "${peer}"`);
        expect(question).toContain("The address is this machine.");
        await asked.answer(key);
      }
      await asked.see(/done\r\n/);
      await asked.exited;
      expect(served).toEqual([...paths]);
      expect(asked.screen.match(/allow\?/g)).toHaveLength(keys.length);
    });

  testWith(needs, `${where}: always adds a rule, which then allows it unasked`, async () => {
    served.length = 0;
    const place = askedPlace();
    const before = textOf(place.policy);
    expect((await runUnasked(place, get("x"), [...flags, ...weaker])).stdout).not.toContain(
      "served",
    );
    {
      await using asked = runAsked(place, get("one"), [...flags, ...weaker], launcher());
      await asked.question();
      expect(await asked.answer("a")).toBe("allowed for good");
      expect(await asked.exited).toBe(0);
    }
    expect(textOf(place.policy).slice(before.length)).toContain(`resource.port == ${web.port}`);
    const unasked = await runUnasked(place, get("two"), [...flags, ...weaker]);
    expect(unasked.stdout).toContain("served");
    expect(served).toEqual(["/one", "/two"]);
    const events = eventsOf(place);
    const questions = events.filter(({ event_type }) => event_type === "ACCESS_ASKED");
    expect(questions.map(({ payload }) => [payload.asked, payload.path, payload.answer])).toEqual([
      ["NetConnect", peer, "always"],
    ]);
    const made = events.filter(({ payload }) => payload.rule === "ask:always");
    expect(made.map(({ event_type }) => event_type)).toContain("NET_CONNECT");
  });

  testWith(needs, `${where}: what a rule forbids is not asked about`, async () => {
    served.length = 0;
    const place = askedPlace();
    const forbidden = [...flags, ...weaker, "--deny-net", peer];
    await using asked = runAsked(place, twice, forbidden, launcher());
    await asked.see(/done\r\n/);
    await asked.exited;
    expect(asked.screen).not.toContain("allow?");
    expect(served).toEqual([]);
  });
}

testWith(needs, "a name is asked about by its name, and is not looked up before", async () => {
  const place = askedPlace();
  const script = "curl -sS --max-time 60 http://name.invalid:81/; echo done";
  await using asked = runAsked(place, script, flags);
  expect(await asked.question()).toContain(`"name.invalid:81"`);
  await asked.answer("n");
  await asked.see(/done/);
  await asked.exited;
});

testWith(needs, "a program that knows no proxy waits in its connect", async () => {
  served.length = 0;
  const place = askedPlace();
  const request = `printf 'GET /direct HTTP/1.0\\r\\nHost: ${peer}\\r\\n\\r\\n' >&3; cat <&3`;
  const script = `bash -c "exec 3<>/dev/tcp/127.0.0.1/${web.port} && ${request}"; echo done`;
  const without = [...flags, "--allow-weaker"];
  await using asked = runAsked(place, script, without, [programs().noUserns]);
  const question = await asked.question();
  expect(question).toMatch(/aegis: "[^"]*bash" \(process \d+\) wants to connect to/);
  await asked.answer("o");
  await asked.see(/done/);
  await asked.exited;
  expect(served).toEqual(["/direct"]);
});

testWith([...needs, "tool python3"], "in a container UDP is asked about as well", async () => {
  const heard: string[] = [];
  const echo = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, message, from, address) {
        heard.push(message.toString());
        socket.send(message, from, address);
      },
    },
  });
  const place = askedPlace();
  const lines = [
    "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)",
    "for word in (b'one', b'two'):",
    `    try: s.sendto(word, ("127.0.0.1", ${echo.port})); print(s.recv(9))`,
    "    except OSError as e: print(e.errno)",
  ];
  writeFileSync(join(place.workspace, "udp.py"), lines.join("\n"));
  const script = "/usr/bin/python3 udp.py; echo done";
  const contained = [programs().withFilter, programs().container];
  await using asked = runAsked(place, script, [...flags, "--allow-weaker"], contained);
  expect(await asked.question()).toContain(`"udp:127.0.0.1:${echo.port}"`);
  await asked.answer("n");
  await asked.question();
  await asked.answer("o");
  await asked.see(/done/);
  await asked.exited;
  expect(heard).toEqual(["two"]);
  echo.close();
});
