import { describe, expect, test } from "bun:test";
import type { HostFeatures } from "../../../../src/enforce/linux/features.ts";
import { type LinuxPlan, planLinux } from "../../../../src/enforce/linux/plan.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import { socketsSource } from "../../../../src/policy/layers.ts";
import {
  at,
  disk,
  exactly,
  forbid,
  host,
  like,
  namespaces,
  permit,
  request,
  under,
} from "../../../support/ir.ts";

const world = disk(
  "/tmp/ws/sub/",
  "/tmp/q",
  "/tmp/socket!",
  "/tmp/leads -> /ws",
  "/tmp/aegis-1/ab/",
  "/usr/bin/env",
  "/ws/a",
  "/dev/shm/x",
);
const own = { path: at("/tmp/aegis-1/ab"), make: () => undefined };
const system = permit("read ProcessSpawn", under("/usr"));
const tmp = permit("all", under(own.path));
const shm = ofProfile(permit("read change", under("/dev/shm")));

/** What comes with the program names places of every system. */
function ofProfile(capability: Capability): Capability {
  return { ...capability, origin: { ...capability.origin, source: "profile:base" } };
}

interface On {
  readonly host?: HostFeatures;
  readonly workspace?: string;
  readonly home?: string;
}

function plan(rules: readonly Capability[], on: On = {}): LinuxPlan {
  const { host: features = host(), ...places } = on;
  const asked = request([system, ...rules], { temporary: own, ...places });
  const planned = planLinux(asked, features, world);
  if (!planned.ok) throw new Error(JSON.stringify(planned.error));
  return planned.value;
}

function mountsOf({ plan: { mounts } }: LinuxPlan): readonly string[] {
  const told = mounts.map((step) => ("path" in step ? `${step.kind} ${step.path}` : step.kind));
  return told.filter((step) => step !== "read-only-root" && step !== "proc");
}

/** Level and mechanism of the one row this is about. */
function row({ coverage }: LinuxPlan) {
  const found = coverage.find(({ protection }) => protection === "temporary-files");
  return [found?.level, found?.by];
}

describe("a box that may keep temporary files", () => {
  test("gets file systems of its own over /tmp and /dev/shm", () => {
    const planned = plan([tmp, shm]);
    expect(mountsOf(planned)).toEqual(["tmpfs /tmp", "tmpfs /dev/shm"]);
    expect(planned.temporary).toBe("/tmp");
    expect(row(planned)).toEqual(["enforced", "private /tmp, private /dev/shm"]);
    expect(planned.plan.landlock?.paths.map(({ path }) => path)).toContain("/tmp");
  });

  test("may make sockets there as those of sessions are called, but not in what is the host's", () => {
    const ofSessions = (capability: Capability): Capability => ({
      ...capability,
      origin: { ...capability.origin, source: socketsSource },
    });
    const forbids = [under("/tmp/tmux-1"), like("/tmp/ssh-*"), like("/tmp/ws*")].map((at) =>
      ofSessions(forbid("change", at)),
    );
    const held = plan([tmp, permit("read change", under("/tmp/ws")), ...forbids]).plan.rules;
    const atoms = held.filter(({ effect }) => effect === "forbid").flatMap(({ where }) => where);
    expect(atoms).toEqual([{ kind: "path-like", parts: ["/tmp/ws", ""], negated: false }]);
  });

  test("and one that may not gets none", () => {
    const planned = plan([permit("all", under("/ws"))]);
    expect(mountsOf(planned)).toEqual(["writable /ws"]);
    expect(planned.temporary).toBeUndefined();
    expect(row(planned)).toEqual(["not-asked", ""]);
  });

  test("finds in its own /tmp what is granted there, and changes only what may be changed", () => {
    const granted = [
      permit("read", under("/tmp/q")),
      permit("FileWrite", exactly("/tmp/socket")),
      permit("read change", under("/tmp/ws")),
    ];
    const planned = plan([tmp, ...granted], { workspace: "/tmp/ws" });
    expect(mountsOf(planned)).toEqual([
      "tmpfs /tmp",
      "writable /tmp/q",
      "writable /tmp/socket",
      "writable /tmp/ws",
      "read-only /tmp/q",
    ]);
    expect(row(planned)).toEqual(["enforced", "private /tmp"]);
  });

  test("may write to no socket in a folder of /tmp it may only read", () => {
    const { rules } = plan([tmp, permit("read", under("/tmp/ws"))]).plan;
    const writing = rules.filter(({ actions }) => actions.includes("FileWrite"));
    expect(writing.map(({ where }) => where)).toEqual([
      [
        { kind: "path-in", path: "/tmp", negated: false },
        { kind: "path-in", path: "/tmp/ws", negated: true },
      ],
    ]);
  });

  test("has the folder of its user where no mount can be made, and nothing else of /tmp", () => {
    const planned = plan([tmp], { host: host({ without: namespaces }) });
    expect(mountsOf(planned)).toEqual([]);
    expect(planned.temporary).toBe(own.path);
    expect(row(planned)).toEqual(["enforced", `folder ${own.path}`]);
    const paths = planned.plan.landlock?.paths.map(({ path }) => path);
    expect(paths?.filter((path) => path.startsWith("/tmp"))).toEqual([own.path]);
  });

  const named: readonly (readonly [string, readonly Capability[], On])[] = [
    ["a rule names it", [permit("read", under("/tmp"))], {}],
    ["a rule names what is to be made in it", [permit("FileWrite", exactly("/tmp/out"))], {}],
    ["a rule has a pattern for it", [permit("FileRead", like("/tmp/*.txt"))], {}],
    ["a rule goes through a link in it", [permit("read", under("/tmp/leads"))], {}],
    ["it is worked in", [ofProfile(permit("all", under("/tmp")))], { workspace: "/tmp" }],
    ["it is the home", [ofProfile(permit("all", under("/tmp")))], { home: "/tmp" }],
    [
      "what is granted in it cannot be kept apart",
      [permit("read", under("/tmp/q"))],
      { host: host({ without: ["notify"] }) },
    ],
  ];
  for (const [name, rules, on] of named) {
    test(`has the folder of its user, and says so, where /tmp is the host's: ${name}`, () => {
      const planned = plan([tmp, ...rules], on);
      expect(mountsOf(planned)).not.toContain("tmpfs /tmp");
      expect(planned.temporary).toBe(own.path);
      expect(row(planned)).toEqual(["weaker", `folder ${own.path}`]);
    });
  }

  test("keeps what is written to /dev/shm where that is worked in", () => {
    const planned = plan([tmp, shm, ofProfile(permit("all", under("/dev/shm")))], {
      workspace: "/dev/shm",
    });
    expect(mountsOf(planned)).toEqual(["writable /dev/shm", "tmpfs /tmp"]);
    expect(row(planned)).toEqual(["weaker", "private /tmp"]);
  });

  test("has its own /tmp around what a rule about everything grants", () => {
    expect(mountsOf(plan([tmp, permit("read")]))).toEqual(["tmpfs /tmp"]);
  });
});
