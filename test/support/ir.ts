// Capabilities, hosts and disks for tests of planning, in as few words as a table row can take.

import { type AbsPath, absPath, contains, parentOf, resolvePath } from "../../src/base/paths.ts";
import type { BoxRequest } from "../../src/enforce/backend.ts";
import {
  type FeatureName,
  featureNames,
  type HostFeatures,
} from "../../src/enforce/linux/features.ts";
import type { DiskFact, DiskView } from "../../src/enforce/linux/paths/disk-view.ts";
import type { Action, Atom, Capability, Protocol } from "../../src/model/capability.ts";

export const under = (path: string): Atom => ({ kind: "path-in", path, negated: false });
export const exactly = (path: string): Atom => ({ kind: "path-equals", path, negated: false });
export const like = (pattern: string): Atom => ({
  kind: "path-like",
  parts: pattern.split("*"),
  negated: false,
});
export const port = (number: number): Atom => ({
  kind: "port",
  op: "==",
  port: number,
  negated: false,
});
export const to = (host: string): Atom => ({ kind: "host-equals", host, negated: false });
export const by = (protocol: Protocol): Atom => ({ kind: "protocol", protocol, negated: false });
export const inNetwork = (address: string, bits: number): Atom => ({
  kind: "host-cidr",
  address,
  bits,
  negated: false,
});
export const loopback = inNetwork("127.0.0.1", 32);
export const not = (atom: Atom): Atom => ({ ...atom, negated: !atom.negated });

export const readActions: readonly Action[] = ["FileRead", "DirList"];
export const changeActions: readonly Action[] = ["FileWrite", "FileDelete", "DirCreate"];

/** `actions`: names separated by spaces, or `read`, `change`, `all`. */
export function permit(actions: string, ...where: readonly Atom[]): Capability {
  return capability("permit", actions, where);
}

export function forbid(actions: string, ...where: readonly Atom[]): Capability {
  return capability("forbid", actions, where);
}

function capability(
  effect: "permit" | "forbid",
  actions: string,
  where: readonly Atom[],
): Capability {
  const names = actions.split(" ").flatMap((name): readonly string[] => {
    if (name === "read") return readActions;
    if (name === "change") return changeActions;
    if (name === "all") return [...readActions, ...changeActions, "ProcessSpawn"];
    return [name];
  });
  const rule = `${effect} ${actions} ${where.map((atom) => JSON.stringify(Object.values(atom))).join(" ")}`;
  const origin = { rule: rule.trim(), source: "test.cedar", line: 1, column: 1 };
  return { effect, actions: names as Action[], agent: undefined, where, origin };
}

export function request(
  capabilities: readonly Capability[],
  options: Partial<BoxRequest> = {},
): BoxRequest {
  return {
    capabilities: { version: 1, capabilities },
    agent: "agent",
    workspace: "/ws",
    home: "/home/u",
    audit: "full",
    ownPaths: [],
    allowWeaker: false,
    observeOnly: false,
    ...options,
  };
}

/** A plain user on a recent kernel, without what is named. */
export function host(
  options: Partial<HostFeatures> & { without?: readonly FeatureName[] } = {},
): HostFeatures {
  const { without = [], ...rest } = options;
  const lacks = Object.fromEntries(
    featureNames.map((name) => [name, without.includes(name) ? `no ${name} here` : ""]),
  ) as Record<FeatureName, string>;
  return {
    arch: "x86_64",
    isRoot: false,
    landlockAbi: without.includes("landlock") ? 0 : 7,
    landlockErrata: 7,
    lacks,
    ...rest,
  };
}

export const namespaces: readonly FeatureName[] = [
  "mount namespace",
  "pid namespace",
  "net namespace",
  "ipc namespace",
];

/**
 * A disk from its paths: a trailing slash makes a directory, `a -> b` a link, a trailing `!` a
 * device, a trailing `+` a file with other names. Parents are there by themselves.
 */
export function disk(...entries: readonly string[]): DiskView {
  const kinds = new Map<string, "file" | "directory" | "other">([["/", "directory"]]);
  const links = new Map<string, string>();
  const linked = new Set<string>();
  for (const entry of entries) {
    const [name = "", target] = entry.split(" -> ");
    const path = at(name.replace(/[/!+]$/, ""));
    if (name.endsWith("+")) linked.add(path);
    if (target !== undefined) links.set(path, target);
    else kinds.set(path, name.endsWith("/") ? "directory" : name.endsWith("!") ? "other" : "file");
    for (let up = parentOf(path); !kinds.has(up); up = parentOf(up)) kinds.set(up, "directory");
  }
  return {
    look: (path) => look(path, kinds, links),
    loaderOf: () => undefined,
    ignoresCase: () => false,
    survey: (path, most) => {
      const inside = [...kinds.keys()].map(at).filter((each) => contains(path, each));
      if (inside.length > most) return undefined;
      return {
        files: inside
          .filter((each) => kinds.get(each) === "file")
          .map((each) => ({ path: each, names: linked.has(each) ? "several" : "one" })),
        folders: [],
      };
    },
  };
}

function look(
  path: AbsPath,
  kinds: ReadonlyMap<string, "file" | "directory" | "other">,
  links: ReadonlyMap<string, string>,
): DiskFact {
  const followed: AbsPath[] = [];
  let place = path;
  for (let hop = [...links].find(([link]) => contains(link, place)); hop !== undefined; ) {
    const [link, target] = hop;
    followed.push(at(link));
    place = at(`${resolvePath(parentOf(at(link)), target)}${place.slice(link.length)}`);
    hop = [...links].find(([other]) => contains(other, place));
  }
  const kind = kinds.get(place) ?? "absent";
  const isAbsent = kind === "absent";
  const missing = isAbsent ? firstMissing(place, kinds) : undefined;
  return { path, kind, realPath: isAbsent ? "" : place, place, links: followed, missing };
}

function firstMissing(path: AbsPath, kinds: ReadonlyMap<string, unknown>): AbsPath {
  let missing = path;
  while (!kinds.has(parentOf(missing))) missing = parentOf(missing);
  return missing;
}

export function at(path: string): AbsPath {
  const normal = absPath(path);
  if (normal === undefined) throw new Error(`not an absolute path: ${path}`);
  return normal;
}
