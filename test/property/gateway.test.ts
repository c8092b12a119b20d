// The parsers of the gateway, given messages that are nearly right and cut anywhere: they never
// throw, they end, how bytes arrive changes nothing, and what passes is what was judged.
// AEGIS_PROPERTY_MESSAGES sets the number of messages for each.

import { expect, test } from "bun:test";
import { canonicalHost } from "../../src/base/host.ts";
import { formatIp } from "../../src/base/ip.ts";
import { destinationOf } from "../../src/gateway/http-rules.ts";
import { dnsCode, encodeReply, parseQuestion } from "../../src/gateway/protocol/dns.ts";
import { HeadReader } from "../../src/gateway/protocol/http-head.ts";
import { Inspector, type Step } from "../../src/gateway/protocol/inspect.ts";
import { parsePreamble } from "../../src/gateway/protocol/preamble.ts";
import { parseGreeting, parseLogin, parseRequest } from "../../src/gateway/protocol/socks.ts";
import { parseClientHello } from "../../src/gateway/protocol/tls-hello.ts";
import { ProxyGreeting, type ProxyRequest } from "../../src/gateway/proxy.ts";
import { preamble, question } from "../support/gateway.ts";
import { mutated, pieces } from "../support/mutate.ts";
import { pick, type Random, randomFrom } from "../support/random-capabilities.ts";
import { clientHello } from "../support/tls.ts";

const messagesWanted = Number(process.env.AEGIS_PROPERTY_MESSAGES ?? 20_000);
const token = new Uint8Array(32).fill(7);

/** Calls `check` with that many messages, and says how many there were. */
function eachMessage(
  seed: number,
  make: (random: Random) => Uint8Array,
  check: (message: Buffer, random: Random) => void,
): void {
  const random = randomFrom(seed);
  for (let count = 0; count < messagesWanted; count += 1) {
    const message = mutated(random, make(random));
    try {
      check(message, random);
    } catch (error) {
      throw new Error(`message ${count}: ${message.toString("hex")}`, { cause: error });
    }
  }
  console.log(`${messagesWanted} messages, seed ${seed}`);
}

/** What a parser of "everything so far" says in the end, given the bytes piece by piece. */
function inPieces<T extends { readonly kind: string }>(
  parse: (bytes: Buffer) => T,
  cut: readonly Buffer[],
): T {
  let step = parse(Buffer.alloc(0));
  for (let count = 1; count <= cut.length && step.kind === "more"; count += 1)
    step = parse(Buffer.concat(cut.slice(0, count)));
  return step;
}

const parsers: readonly [
  string,
  number,
  (random: Random) => Uint8Array,
  (bytes: Buffer) => { readonly kind: string },
][] = [
  [
    "preamble",
    0x9e1,
    (random) =>
      preamble({ token }, { kind: 1 + random(7), flags: random(2), port: random(65_536) }),
    (bytes) => parsePreamble(bytes, token),
  ],
  ["TLS hello", 0x715, randomHello, parseClientHello],
  ["SOCKS5 greeting", 0x50c1, () => Buffer.of(5, 2, 0, 2), parseGreeting],
  ["SOCKS5 login", 0x50c2, () => Buffer.from("\x01\x05aegis\x04pass"), parseLogin],
  ["SOCKS5 request", 0x50c3, randomSocksRequest, parseRequest],
];

for (const [name, seed, make, parse] of parsers)
  test(`${name}: how the bytes arrive changes nothing`, () => {
    eachMessage(seed, make, (message, random) => {
      expect(inPieces(parse, pieces(random, message))).toEqual(parse(message));
    });
  });

test("DNS: every message is answered, refused or ignored, and answers repeat the question", () => {
  const names = ["a.example", "x", "very.deep.name.example", "_dns.resolver.arpa"];
  const make = (random: Random) =>
    question(pick(random, names), pick(random, [1, 28, 41, 65, 255]), random(65_536));
  eachMessage(0xd45, make, (message) => {
    const parsed = parseQuestion(message);
    if (parsed.kind !== "question") return;
    const { question: asked } = parsed;
    if (asked.name !== undefined) expect(asked.name).toMatch(/^[a-z0-9_.-]+$/);
    const reply = Buffer.from(encodeReply(asked, dnsCode.ok, [198, 18, 0, 1]));
    expect(reply.readUInt16BE(0)).toBe(message.readUInt16BE(0));
    expect(reply.length).toBeLessThan(512);
    const end = 12 + asked.section.length;
    expect(reply.subarray(12, end)).toEqual(Buffer.from(asked.section));
    expect(formatIp({ family: 4, bytes: [...reply.subarray(end + 12, end + 16)] })).toBe(
      "198.18.0.1",
    );
  });
});

interface Transcript {
  /** What was asked to be judged, and how it ended. */
  readonly events: string[];
  /** Everything that came out. */
  readonly passed: string;
}

function inspect(cut: readonly Buffer[], isEnded: boolean): Transcript {
  const inspector = new Inspector(false);
  const events: string[] = [];
  let passed = "";
  const take = (step: Step | undefined): boolean => {
    if (step === undefined) return false;
    if (step.kind === "refused") events.push(`refused ${step.status} ${step.reason}`);
    else passed += step.bytes.toString("latin1");
    if (step.kind === "request") events.push(`${step.head.method} ${step.head.target}`);
    if (step.kind === "hello") events.push(`hello ${step.hello.serverName}`);
    if (step.kind === "foreign") events.push("foreign");
    return true;
  };
  for (const piece of cut) {
    inspector.push(piece);
    while (take(inspector.next()));
  }
  if (isEnded) take(inspector.finish());
  return { events, passed };
}

test("a stream is cut into the same pieces however it arrives, and nothing is lost or added", () => {
  eachMessage(0x57e, randomStream, (message, random) => {
    const isEnded = random(2) === 0;
    const whole = inspect([message], isEnded);
    const parts = inspect(pieces(random, message), isEnded);
    expect(parts.events).toEqual(whole.events);
    // A body that turns out to be wrong has passed up to where it was seen.
    const isRefused = whole.events.at(-1)?.startsWith("refused") === true;
    if (isRefused) expect(parts.passed).toStartWith(whole.passed);
    else expect(parts.passed).toBe(whole.passed);
    expect(message.toString("latin1")).toStartWith(parts.passed);
  });
});

/** A reader as careless as any server: every line end, every fold, every space. */
function carelessly(message: string) {
  const [head = ""] = message.split(/\r?\n\r?\n/);
  const lines = head.split(/\r\n|\n|\r/);
  const valuesOf = (name: string): string[] =>
    lines
      .slice(1)
      .map((line) => /^\s*([^\s:]*)\s*:\s*(.*?)\s*$/.exec(line))
      .filter((field) => field?.[1]?.toLowerCase() === name)
      .map((field) => field?.[2] ?? "");
  const [method] = (lines[0] ?? "").trim().split(/\s+/);
  return { method, valuesOf };
}

test("a request that passes reads the same to the most careless reader", () => {
  let accepted = 0;
  eachMessage(0x477, randomRequest, (message) => {
    const step = new HeadReader().read(message);
    if (step.kind !== "done") return;
    const destination = destinationOf(step.head);
    if ("reason" in destination) return;
    accepted += 1;
    const text = message.toString("latin1");
    const careless = carelessly(text);
    expect(careless.method).toBe(step.head.method);
    const hosts = careless.valuesOf("host");
    expect(hosts.length).toBeLessThanOrEqual(1);
    for (const host of hosts)
      expect(canonicalHost(host.replace(/:\d+$/, ""))).toBe(destination.host.text);
    const { framing } = step.head;
    const lengths = careless.valuesOf("content-length");
    const codings = careless.valuesOf("transfer-encoding").map((value) => value.toLowerCase());
    expect([lengths, codings]).toEqual(
      framing.kind === "chunked"
        ? [[], ["chunked"]]
        : [lengths.length === 0 ? [] : [expect.any(String)], []],
    );
    if (framing.kind === "length") expect(Number(lengths[0] ?? 0)).toBe(framing.sizeBytes);
    expect(text.slice(0, step.head.sizeBytes)).not.toMatch(/[^\r]\n|\r[^\n]|\0/);
  });
  expect(accepted).toBeGreaterThan(messagesWanted / 20);
});

function greet(cut: readonly Buffer[], login: string, isKnown: boolean) {
  let said = "";
  let request: ProxyRequest | undefined;
  const refusals: string[] = [];
  const greeting = new ProxyGreeting({
    client: {
      write: (bytes) => {
        said += Buffer.from(bytes).toString("latin1");
        return true;
      },
      end: () => undefined,
      pause: () => undefined,
    },
    caller: isKnown ? { pid: 1, exe: "/x" } : undefined,
    login,
    onRequest: (asked) => {
      request = asked;
    },
    onRefused: (reason) => refusals.push(reason),
  });
  let late = "";
  for (const piece of cut) {
    if (request === undefined) greeting.read(piece);
    else late += piece.toString("latin1");
  }
  const early = request === undefined ? "" : Buffer.from(request.early).toString("latin1") + late;
  const place = request && `${request.flags} ${request.host.text}:${request.port}`;
  return { said, place, early, refusals };
}

test("the proxy understands the same however a greeting arrives", () => {
  let granted = 0;
  eachMessage(0x940, randomGreeting, (message, random) => {
    const isKnown = random(2) === 0;
    const whole = greet([message], "aegis:pass", isKnown);
    expect(greet(pieces(random, message), "aegis:pass", isKnown)).toEqual(whole);
    if (whole.place === undefined) return;
    granted += 1;
    expect(whole.refusals).toEqual([]);
    if (!isKnown) expect(message.toString("latin1")).toMatch(/pass|YWVnaXM6cGFzc/);
  });
  expect(granted).toBeGreaterThan(messagesWanted / 20);
});

function randomHello(random: Random): Buffer {
  return clientHello({
    serverName: pick(random, ["good.example", "a.b", ""]) || undefined,
    extra: pick(random, [[], [0xfe0d], [16, 43, 51]]),
    recordSize: pick(random, [1 << 14, 30, 3]),
  });
}

function randomSocksRequest(random: Random): Buffer {
  const name = Buffer.from(pick(random, ["good.example", "127.1", "x\0y", "münchen.example"]));
  return pick(random, [
    Buffer.from([5, 1, 0, 3, name.length, ...name, 1, 187]),
    Buffer.of(5, 1, 0, 1, 127, 0, 0, 1, 0, 80),
    Buffer.from([5, 1, 0, 4, ...new Array<number>(15).fill(0), 1, 0, 80]),
  ]);
}

const fieldChoices = [
  "Accept: */*",
  "Content-Length: 3",
  "Content-Length: 0",
  "Transfer-Encoding: chunked",
  "Connection: keep-alive",
  "Connection: Upgrade\r\nUpgrade: websocket",
  "X: a\r\n b",
  "Host: other.example",
  "X-Host: good.example",
];

function randomRequest(random: Random): Buffer {
  const method = pick(random, ["GET", "POST", "OPTIONS", "TRACE"]);
  const target = pick(random, ["/", "/a?b=c", "http://good.example/x", "*"]);
  const version = pick(random, ["1.1", "1.1", "1.0"]);
  const fields = Array.from({ length: random(4) }, () => pick(random, fieldChoices));
  const host = pick(random, ["good.example", "good.example:80", "GOOD.example.", "127.0.0.1"]);
  const lines = [`${method} ${target} HTTP/${version}`, `Host: ${host}`, ...fields, "", ""];
  return Buffer.from(lines.join("\r\n"));
}

const bodies = ["", "abc", "3\r\nabc\r\n0\r\n\r\n", "1;x=y\r\na\r\n0\r\nT: 1\r\n\r\n"];

function randomStream(random: Random): Buffer {
  switch (random(4)) {
    case 0:
      return Buffer.concat([randomHello(random), Buffer.from("rest")]);
    case 1:
      return Buffer.from(
        pick(random, ["*1\r\n$4\r\nPING\r\n", "SSH-2.0-x\r\n", "\0\0\0\x08", " "]),
      );
    default: {
      const requests = Array.from({ length: 1 + random(3) }, () => [
        randomRequest(random),
        Buffer.from(pick(random, bodies)),
      ]);
      return Buffer.concat(requests.flat());
    }
  }
}

function randomGreeting(random: Random): Buffer {
  const auth = pick(random, ["", "Proxy-Authorization: Basic YWVnaXM6cGFzcw==\r\n"]);
  const login = Buffer.from("\x01\x05aegis\x04pass");
  return pick(random, [
    Buffer.from(`CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\n${auth}\r\nrest`),
    Buffer.from(`GET http://good.example/ HTTP/1.1\r\nHost: good.example\r\n${auth}\r\n`),
    Buffer.concat([Buffer.of(5, 1, 0), randomSocksRequest(random), Buffer.from("rest")]),
    Buffer.concat([Buffer.of(5, 1, 2), login, randomSocksRequest(random)]),
  ]);
}
