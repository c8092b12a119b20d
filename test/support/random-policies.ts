// Random Cedar policies over a small world, in every form the compiler knows and in some it
// refuses, and random attempts close to where their tests turn. Seeded: the same sequence on every
// machine.

import type { Attempt } from "../../src/model/attempt.ts";
import { type Action, actions, protocols } from "../../src/model/capability.ts";
import { quote, quotePattern } from "../../src/policy/cedar/print.ts";
import { classOf } from "../../src/policy/leaf.ts";
import type { Places } from "../../src/policy/places.ts";
import { pick, type Random } from "./random-capabilities.ts";

export const randomPlaces: Places = {
  workspace: "/home/ada/ws",
  home: "/home/ada",
  tmp: "/tmp/a b",
};

const agents = ["agent", "other", "x"];
const hosts = ["example.com", "api.example.com", "localhost", "10.0.0.1", "::1", "evil.com"];
const otherHosts = [
  "aexample.com",
  "a.localhost",
  "110.0.0.1",
  "10.0.0.2",
  "1::1",
  "2001:db8::9",
  "127.8.0.1",
  "224.0.0.1",
  "ff02::1",
  "::2",
];
const ranges = [
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.0.0.1",
  "10.0.0.1/8",
  "10.0.0.1/31",
  "10.0.0.2/32",
  "127.0.0.0/8",
  "127.0.0.1/7",
  "224.0.0.0/4",
  "::/0",
  "::1",
  "::1/127",
  "2001:db8::/32",
  "ff02::1/16",
];
const tools = ["Bash", "mcp.https.get", "/bin/sh", "python3 -c", "*"];
const ports = [0, 1, 79, 80, 81, 443, 1023, 1024, 8080, 65_535];
const names = [
  "home",
  "ada",
  "ws",
  "ws2",
  "src",
  "a",
  "a.pem",
  ".git",
  "x*y",
  'q"\\',
  "né",
  "🙂",
  "tmp",
];

/** What a policy's literals have to be, given its actions. */
type World = "path" | "endpoint" | "name";

interface Style {
  readonly random: Random;
  readonly world: World;
  readonly effect: "permit" | "forbid";
  /** Whether the policy may speak of the context, which makes the engine slow. */
  readonly usesPlaces: boolean;
  /** Literals used, for attempts near them. */
  readonly literals: string[];
}

export interface RandomPolicy {
  readonly text: string;
  readonly literals: readonly string[];
}

export function randomPolicy(random: Random): RandomPolicy {
  const scope = randomScope(random);
  const usesPlaces = random(4) === 0;
  const effect = random(3) === 0 ? "forbid" : "permit";
  const style: Style = { random, world: scope.world, effect, usesPlaces, literals: [] };
  const head = `${effect}(${principalScope(random)}, ${scope.text}, ${resourceScope(style)})`;
  const conditions = Array.from({ length: random(3) }, () => {
    const kind = random(3) === 0 ? "unless" : "when";
    return `${kind} { ${condition(style, 3)} }`;
  });
  return { text: `${[head, ...conditions].join(" ")};`, literals: style.literals };
}

function principalScope(random: Random): string {
  const agent = `Aegis::Agent::${quote(pick(random, agents))}`;
  const forms = [`principal == ${agent}`, `principal in ${agent}`, "principal is Aegis::Agent"];
  return random(4) === 0 ? pick(random, forms) : "principal";
}

function randomScope(random: Random): { text: string; world: World } {
  if (random(3) === 0) return { text: "action", world: "path" };
  const world = pick<World>(random, ["path", "path", "path", "endpoint", "endpoint", "name"]);
  const known = actions.filter((action) => classOf(action) === world);
  const named = [...new Set(Array.from({ length: 1 + random(4) }, () => pick(random, known)))];
  const uids = named.map((action) => `Aegis::Action::"${action}"`);
  if (uids.length > 1 || random(3) === 0) return { text: `action in [${uids.join(", ")}]`, world };
  return { text: `action ${random(4) === 0 ? "in" : "=="} ${uids[0]}`, world };
}

function resourceScope(style: Style): string {
  const { random } = style;
  const uid = `Aegis::Resource::${quote(exact(style))}`;
  switch (random(8)) {
    case 0:
      return `resource == ${uid}`;
    case 1:
    case 2:
      return `resource in ${uid}`;
    case 3:
      return "resource is Aegis::Resource";
    case 4:
      return `resource is Aegis::Resource in ${uid}`;
    default:
      return "resource";
  }
}

function condition(style: Style, depth: number): string {
  const { random } = style;
  if (depth === 0 || random(3) === 0) return test(style);
  const part = (): string => condition(style, depth - 1);
  switch (random(7)) {
    case 0:
    case 1:
      return `(${part()} && ${part()})`;
    case 2:
    case 3:
      return `(${part()} || ${part()})`;
    case 4:
    case 5:
      return `!(${part()})`;
    default:
      return `(if ${part()} then ${part()} else ${part()})`;
  }
}

function test(style: Style): string {
  const { random } = style;
  switch (random(12)) {
    case 0:
      return constantTest(random);
    case 1:
      return agentOrActionTest(random);
    case 2:
      return hostTest(style);
    case 3:
      return addressTest(random);
    case 4:
    case 5:
      return portTest(random);
    case 6:
    case 7:
      return style.usesPlaces ? placeTest(style) : resourceTest(style);
    case 8:
    case 9:
      return `resource.path like ${quotePattern(pattern(style))}`;
    default:
      return resourceTest(style);
  }
}

function constantTest(random: Random): string {
  return pick(random, [
    "true",
    "false",
    "resource has path",
    "resource has host",
    "resource has port",
    "resource is Aegis::Resource",
    'resource == Aegis::Agent::"agent"',
    "1 == 1",
    '"a" == "b"',
  ]);
}

function agentOrActionTest(random: Random): string {
  const action = (): string => `Aegis::Action::"${pick(random, actions)}"`;
  return pick(random, [
    `principal == Aegis::Agent::${quote(pick(random, agents))}`,
    "principal is Aegis::Agent",
    `action == ${action()}`,
    `action != ${action()}`,
    `action in [${action()}, ${action()}, ${action()}]`,
    `${action()} == action`,
  ]);
}

function hostTest({ random }: Style): string {
  const host = pick(random, hosts);
  const cut = random(host.length + 1);
  const test = pick(random, [
    `resource.host == ${quote(host)}`,
    `resource.host != ${quote(host)}`,
    `${quote(host)} == resource.host`,
    `resource.host like ${quotePattern(["", host.slice(cut)])}`,
    `resource.host like ${quotePattern([host.slice(0, cut), ""])}`,
    `["localhost", ${quote(host)}].contains(resource.host)`,
  ]);
  return `(resource has host && ${test})`;
}

function addressTest(random: Random): string {
  if (random(3) === 0) {
    const protocol = pick(random, protocols);
    return `(resource has protocol && ${pick(random, [
      `resource.protocol == "${protocol}"`,
      `resource.protocol != "${protocol}"`,
      `resource.protocol like "${protocol.slice(0, 1)}*"`,
      `["${protocol}", "tcp"].contains(resource.protocol)`,
      "true",
    ])})`;
  }
  const [a, b] = [pick(random, ranges), pick(random, ranges)];
  return `(resource has ip && ${pick(random, [
    `resource.ip.isInRange(ip("${a}"))`,
    `resource.ip.isInRange(ip("${a}"))`,
    `resource.ip == ip("${a}")`,
    `ip("${a}") != resource.ip`,
    `[ip("${a}"), ip("${b}")].contains(resource.ip)`,
    `ip("${a}").isInRange(ip("${b}"))`,
    `ip("${a}").isInRange(resource.ip)`,
    "resource.ip.isInRange(resource.ip)",
    `ip("${a}") == ip("${b}")`,
    `resource.ip.${pick(random, ["isIpv4", "isIpv6", "isLoopback", "isMulticast"])}()`,
    `ip("${a}").${pick(random, ["isIpv4", "isIpv6", "isLoopback", "isMulticast"])}()`,
    "true",
  ])})`;
}

function portTest(random: Random): string {
  const port = random(8) === 0 ? pick(random, [-3, 65_536, 100_000]) : pick(random, ports);
  const op = pick(random, ["==", "!=", "<", "<=", ">", ">="]);
  const test = pick(random, [
    `resource.port ${op} ${port}`,
    `${port} ${op} resource.port`,
    `[443, ${port}].contains(resource.port)`,
  ]);
  return `(resource has port && ${test})`;
}

function placeTest(style: Style): string {
  const { random } = style;
  const place = `context.${pick(random, ["workspace", "home", "tmp"])}`;
  style.literals.push(...Object.values(randomPlaces));
  return pick(random, [
    `resource in ${place}`,
    `resource in ${place}`,
    `resource == ${place}`,
    `resource != ${place}`,
    `resource.path == ${place}.path`,
    `resource in [${place}, context.tmp]`,
    `(context has tmp && resource in ${place})`,
  ]);
}

function resourceTest(style: Style): string {
  const { random } = style;
  const [a, b] = [exact(style), exact(style)];
  const [uidA, uidB] = [a, b].map((id) => `Aegis::Resource::${quote(id)}`);
  return pick(random, [
    `resource.path == ${quote(a)}`,
    `resource.path != ${quote(a)}`,
    `${quote(a)} == resource["path"]`,
    `resource == ${uidA}`,
    `${uidA} != resource`,
    `resource in ${uidA}`,
    `resource in [${uidA}, ${uidB}]`,
    `[${quote(a)}, ${quote(b)}].contains(resource.path)`,
    `[${uidA}, ${uidB}].contains(resource)`,
  ]);
}

/** A literal that is no pattern: a forbid is refused one with a star, so it seldom gets one. */
function exact(style: Style): string {
  const value = literal(style);
  if (style.world !== "path" || style.effect === "permit" || style.random(8) === 0) return value;
  const starless = value.replaceAll("*", "+");
  style.literals.push(starless);
  return starless;
}

/** A value such a policy may name; now and then one it may not. */
function literal(style: Style): string {
  const { random, world } = style;
  const value =
    world === "path" ? randomPath(random) : pick(random, world === "endpoint" ? hosts : tools);
  style.literals.push(value);
  return value;
}

/**
 * Cuts a literal into pieces, drops some and puts stars between them; stars may double, lead and
 * trail. Or pieces so alike that they overlap in the text.
 */
function pattern(style: Style): string[] {
  const { random } = style;
  if (random(2) === 0) {
    const first = style.world === "path" ? pick(random, ["/", "/a", "/ab", "/aba", ""]) : "a";
    const pieces = ["", "a", "b", "ab", "aba", "/a", "b/"];
    return [first, ...Array.from({ length: 1 + random(3) }, () => pick(random, pieces)), "a"];
  }
  const text = literal(style);
  const cuts = Array.from({ length: random(4) }, () => random(text.length + 1)).sort(
    (a, b) => a - b,
  );
  const edges = [0, ...cuts, text.length];
  const pieces = edges.slice(1).map((end, index) => {
    const piece = text.slice(edges[index], end);
    return random(4) === 0 && index > 0 ? "" : piece;
  });
  return pieces.map((piece) => piece.toWellFormed().replaceAll("\uFFFD", ""));
}

function randomPath(random: Random): string {
  if (random(4) === 0) return alikePath(random);
  if (random(12) === 0) return "/";
  const start = pick(random, ["", "", "/home/ada", "/home/ada/ws", "/tmp/a b"]);
  const depth = (start === "" ? 1 : 0) + random(3);
  return start + Array.from({ length: depth }, () => `/${pick(random, names)}`).join("") || "/";
}

/** A path of two letters, in which pieces of a pattern find several places. */
function alikePath(random: Random): string {
  const steps = Array.from({ length: 1 + random(3) }, () =>
    pick(random, ["a", "b", "aa", "ab", "aba", "abab"]),
  );
  return `/${steps.join("/")}`;
}

/** An attempt that some test of the policies is about, or nearly so. */
export function randomAttempt(random: Random, literals: readonly string[]): Attempt {
  const action = pick(random, actions);
  const agent = random(3) === 0 ? pick(random, agents) : "agent";
  return { action, agent, resource: randomResource(random, action, literals) };
}

function randomResource(
  random: Random,
  action: Action,
  literals: readonly string[],
): Attempt["resource"] {
  const kind = classOf(action);
  if (kind === "endpoint") {
    const host = pick(random, random(8) === 0 ? otherHosts : hosts);
    return { path: host, host, port: pick(random, ports), protocol: pick(random, protocols) };
  }
  const near = literals.length > 0 && random(5) !== 0 ? pick(random, literals) : "";
  if (kind === "name") {
    const path = near === "" ? pick(random, tools) : near;
    return { path, host: undefined, port: undefined };
  }
  if (random(6) === 0) return { path: alikePath(random), host: undefined, port: undefined };
  const path = near.startsWith("/") ? moved(random, near) : randomPath(random);
  return { path, host: undefined, port: undefined };
}

/** The path itself, one above it, one below it, or one beside it that shares its start. */
function moved(random: Random, path: string): string {
  const base = path === "/" ? "" : path;
  switch (random(6)) {
    case 0:
      return base.slice(0, base.lastIndexOf("/")) || "/";
    case 1:
    case 2:
      return `${base}/${pick(random, names)}`;
    case 3:
      return `${base}${pick(random, names)}`.replace(/^(?!\/)/, "/");
    default:
      return path;
  }
}
