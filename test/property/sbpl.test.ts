// The Seatbelt profile and decide() on random capabilities and accesses, through an evaluator that
// knows only profile text. AEGIS_PROPERTY_CASES raises the number of pairs.

import { expect, test } from "bun:test";
import { contains } from "../../src/base/paths.ts";
import type { Spelling } from "../../src/enforce/seatbelt/path-filter.ts";
import { compileSeatbelt } from "../../src/enforce/seatbelt/plan.ts";
import { renderProfile } from "../../src/enforce/seatbelt/sbpl.ts";
import type { Action, Atom, Capability, PathAction, Protocol } from "../../src/model/capability.ts";
import { pathActions } from "../../src/model/capability.ts";
import { prepareDecider } from "../../src/policy/decide.ts";
import { isLike } from "../../src/policy/like.ts";
import { isHeldStill } from "../support/held-still.ts";
import { testMs } from "../support/patience.ts";
import {
  pick,
  type Random,
  randomCapabilities,
  randomEndpoint,
  randomFrom,
  randomPath,
  randomPathNear,
  randomSecrets,
  respelled,
} from "../support/random-capabilities.ts";
import { type SbplAccess, SbplProfile, type VnodeType } from "../support/sbpl-evaluator.ts";

const cases = Number(process.env.AEGIS_PROPERTY_CASES ?? 100_000);
const accessesPerPolicy = 50;
const agent = "agent";
/** No port of any rule, nor of any access. */
const gateway = 3128;
/** A directory that exists, on the volume that ignores letter case. */
const settled = "/Users/me";

/** What the kernel is asked when a program does one of our actions on a file of this type. */
const operationsOf: Readonly<Record<PathAction, readonly (readonly [string, VnodeType])[]>> = {
  FileRead: [
    ["file-read-data", "REGULAR-FILE"],
    ["file-read-data", "FIFO"],
    ["file-read-xattr", "REGULAR-FILE"],
    ["file-map-executable", "REGULAR-FILE"],
  ],
  DirList: [
    ["file-read-data", "DIRECTORY"],
    ["file-read-xattr", "DIRECTORY"],
  ],
  FileWrite: [
    ["file-write-data", "REGULAR-FILE"],
    ["file-write-create", "REGULAR-FILE"],
    ["file-write-create", "SYMLINK"],
    ["file-write-mode", "DIRECTORY"],
    ["file-write-times", "REGULAR-FILE"],
    ["file-write-xattr", "REGULAR-FILE"],
    ["file-write-owner", "REGULAR-FILE"],
    ["file-write-flags", "REGULAR-FILE"],
  ],
  FileDelete: [
    ["file-write-unlink", "REGULAR-FILE"],
    ["file-write-unlink", "DIRECTORY"],
  ],
  DirCreate: [["file-write-create", "DIRECTORY"]],
  ProcessSpawn: [["process-exec*", "REGULAR-FILE"]],
};

interface Tried {
  readonly action: Action;
  readonly path: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly protocol?: Protocol;
}

interface Asked extends Tried {
  readonly accesses: readonly SbplAccess[];
}

function askedOfPath(action: PathAction, path: string): Asked {
  const accesses: SbplAccess[] = operationsOf[action].map(([operation, vnode]) => ({
    operation,
    path,
    vnode,
  }));
  if (action === "FileWrite") {
    accesses.push({ operation: "network-outbound", path, unix: "remote" });
    accesses.push({ operation: "network-bind", path, unix: "local" });
  }
  return { action, path, host: undefined, port: undefined, accesses };
}

function randomAsked(random: Random, capabilities: readonly Capability[]): Asked {
  if (random(6) !== 0) {
    return askedOfPath(pick(random, pathActions), randomPathNear(random, capabilities));
  }
  const { host, port, protocol } = randomEndpoint(random);
  if (random(2) === 0) {
    const endpoint = { side: "remote", host, port, protocol } as const;
    const accesses = [{ operation: "network-outbound", endpoint }];
    return { action: "NetConnect", path: host, host, port, protocol, accesses };
  }
  const endpoint = { side: "local", host, port, protocol } as const;
  const accesses = ["network-bind", "network-inbound"].map((operation) => ({
    operation,
    endpoint,
  }));
  return { action: "NetBind", path: host, host, port, protocol, accesses };
}

const leadingToGateway = new WeakSet<SbplProfile>();
const toGateway: SbplAccess = {
  operation: "network-outbound",
  endpoint: { side: "remote", host: "localhost", port: gateway, protocol: "tcp" },
};

function profileOf(
  capabilities: readonly Capability[],
  wide: Spelling = "exact",
): SbplProfile | undefined {
  const plan = compileSeatbelt({ capabilities, agent, wide, tellsIoctls: true });
  if (!plan.ok) return undefined;
  const profile = new SbplProfile(renderProfile(plan.value.profile, "T", gateway));
  if (plan.value.byName) leadingToGateway.add(profile);
  return profile;
}

function judgeOf(capabilities: readonly Capability[]): (asked: Tried) => boolean {
  const { decide } = prepareDecider({ version: 1, capabilities });
  return ({ action, path, host, port, protocol }) =>
    decide({ action, agent, resource: { path, host, port, protocol } }).outcome === "allow";
}

test(
  "the profile says what decide() says, or denies where a move would lift a forbid",
  () => {
    const random = randomFrom(0x5eed);
    const counts = { pairs: 0, policies: 0, byName: 0, refused: 0, allowed: 0, held: 0 };
    while (counts.pairs < cases) {
      const capabilities = randomCapabilities(random);
      const profile = profileOf(capabilities);
      counts.policies += 1;
      if (profile === undefined) {
        counts.refused += 1;
        continue;
      }
      if (leadingToGateway.has(profile)) {
        counts.byName += 1;
        expect(profile.decide(toGateway).allowed).toBe(true);
      }
      const isAllowed = judgeOf(capabilities);
      for (let index = 0; index < accessesPerPolicy; index++) {
        const asked = randomAsked(random, capabilities);
        const wanted = isAllowed(asked);
        counts.pairs += 1;
        counts.allowed += Number(wanted);
        for (const access of asked.accesses) {
          const { allowed } = profile.decide(access);
          if (allowed === wanted) continue;
          // What the gateway is asked for it judges itself; the profile only must not grant it.
          const isItsOwn = asked.action === "NetConnect" && leadingToGateway.has(profile);
          if (!allowed && isItsOwn) continue;
          const isHeld = !allowed && isHeldStill(capabilities, agent, access);
          if (!isHeld) fail("the profile and decide() differ", { capabilities, access, allowed });
          counts.held += 1;
        }
      }
    }
    const { pairs, policies, byName, refused, allowed, held } = counts;
    console.log(
      `sbpl: ${pairs} pairs, 0 disagreements (${policies} policies, ${byName} by name, ${refused} refused, ` +
        `${allowed} pairs allowed, ${held} operations held still)`,
    );
    expect(refused / policies).toBeLessThan(0.1);
    expect(allowed / pairs).toBeGreaterThan(0.1);
  },
  testMs,
);

test(
  "on a volume that ignores letter case, no other spelling gets past a forbid",
  () => {
    const random = randomFrom(0xface);
    const counts = { pairs: 0, allowed: 0, changed: 0 };
    while (counts.pairs < cases) {
      const capabilities = randomCapabilities(random);
      const profile = profileOf(capabilities, { settled: [settled] });
      if (profile === undefined) continue;
      const isAllowed = judgeOf(capabilities);
      for (let index = 0; index < accessesPerPolicy; index++) {
        const action = pick(random, pathActions);
        const near = randomPathNear(random, capabilities);
        const path = withRealNames(respelled(random, near));
        const wanted = isAllowedFolded(capabilities, action, path);
        const exact = isAllowed({ action, path, host: undefined, port: undefined });
        counts.pairs += 1;
        counts.allowed += Number(wanted);
        counts.changed += Number(wanted !== exact);
        for (const access of askedOfPath(action, path).accesses) {
          const { allowed } = profile.decide(access);
          if (allowed && !wanted) fail("a spelling gets past", { capabilities, access });
          const isAscii = Buffer.byteLength(path) === path.length;
          const isMoved =
            access.operation.endsWith("create") || access.operation.endsWith("unlink");
          if (!allowed && wanted && isAscii && !isMoved) {
            fail("a spelling is denied for nothing", { capabilities, access });
          }
        }
      }
    }
    const { pairs, allowed, changed } = counts;
    console.log(
      `sbpl: ${pairs} spellings, ${changed} judged by another's name, ${allowed} allowed`,
    );
    expect(changed).toBeGreaterThan(0);
  },
  testMs,
);

test(
  "no move the profile allows lifts a forbid on reading, listing or running",
  () => {
    const random = randomFrom(0xca11);
    const counts = { moves: 0, possible: 0 };
    while (counts.moves < cases / 2) {
      const capabilities = random(4) === 0 ? randomCapabilities(random) : randomSecrets(random);
      const forbids = capabilities
        .filter(({ effect }) => effect === "forbid")
        .map((forbid): Capability => ({ ...forbid, effect: "permit" }));
      const profile = profileOf(capabilities);
      if (profile === undefined || forbids.length === 0) continue;
      const isForbidden = judgeOf(forbids);
      for (let index = 0; index < accessesPerPolicy; index++) {
        const action = pick(random, secretsOf(forbids));
        const path = randomPathNear(random, capabilities);
        const forbidden = (at: string) =>
          isForbidden({ action, path: at, host: undefined, port: undefined });
        if (path === "/" || !forbidden(path)) continue;
        const [from, to] = [randomAncestor(random, path), randomPath(random)];
        if (to === "/" || contains(from, to)) continue;
        const vnode = from !== path || action === "DirList" ? "DIRECTORY" : "REGULAR-FILE";
        counts.moves += 1;
        const isPossible =
          profile.decide({ operation: "file-write-unlink", path: from, vnode }).allowed &&
          profile.decide({ operation: "file-write-create", path: to, vnode }).allowed;
        if (!isPossible) continue;
        counts.possible += 1;
        const moved = to + path.slice(from.length);
        if (forbidden(moved)) continue;
        fail("a move lifts a forbid", { capabilities, action, path, from, to });
      }
    }
    console.log(
      `sbpl: ${counts.moves} moves, ${counts.possible} of them allowed, no forbid lifted`,
    );
    expect(counts.possible).toBeGreaterThan(0);
  },
  testMs,
);

/** decide() with every test folded that grants less the more it matches. */
function isAllowedFolded(
  capabilities: readonly Capability[],
  action: Action,
  path: string,
): boolean {
  const matches = (one: Capability) =>
    (one.agent ?? agent) === agent &&
    one.actions.includes(action) &&
    one.where.every((atom) => {
      const isFolded = (one.effect === "forbid") !== atom.negated;
      return holds(atom, path, isFolded ? foldName : (text) => text) !== atom.negated;
    });
  const matching = capabilities.filter(matches);
  return matching.length > 0 && matching.every(({ effect }) => effect === "permit");
}

/** The kernel calls a directory that exists by its real name, however it was spelled. */
function withRealNames(path: string): string {
  const real = settled.split("/");
  const parts = path.split("/");
  for (const [index, part] of parts.entries()) {
    const name = real[index];
    if (name === undefined || foldName(name) !== foldName(part)) break;
    parts[index] = name;
  }
  return parts.join("/");
}

/** Without the sign. */
function holds(atom: Atom, path: string, spell: (text: string) => string): boolean {
  if (atom.kind === "path-in") return contains(spell(atom.path), spell(path));
  if (atom.kind === "path-equals") return spell(atom.path) === spell(path);
  if (atom.kind === "path-like") return isLike(atom.parts.map(spell), spell(path));
  return false;
}

function foldName(text: string): string {
  return text.normalize("NFC").toUpperCase().toLowerCase();
}

function fail(what: string, found: object): never {
  throw new Error(`${what}: ${JSON.stringify(found)}`);
}

/** The actions on reading, listing and running that some rule names. */
function secretsOf(
  capabilities: readonly Capability[],
): ("FileRead" | "DirList" | "ProcessSpawn")[] {
  const named = (["FileRead", "DirList", "ProcessSpawn"] as const).filter((action) =>
    capabilities.some(({ actions }) => actions.includes(action)),
  );
  return named.length === 0 ? ["FileRead"] : named;
}

/** The path or one of the directories it lies in, the root excepted. */
function randomAncestor(random: Random, path: string): string {
  const parts = path.split("/").slice(1);
  return `/${parts.slice(0, 1 + random(parts.length)).join("/")}`;
}
