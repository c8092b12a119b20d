// Profiles for policies written by hand, asked by the evaluator. The random comparison with
// decide() is in test/property; here stands what a person would check, and everything that is
// deliberately stricter than decide().

import { describe, expect, test } from "bun:test";
import { compileSeatbelt } from "../../../../src/enforce/seatbelt/plan.ts";
import { renderProfile } from "../../../../src/enforce/seatbelt/sbpl.ts";
import type { Action, Atom, Capability } from "../../../../src/model/capability.ts";
import { type SbplAccess, SbplProfile } from "../../../support/sbpl-evaluator.ts";

const everyChange: readonly Action[] = [
  "FileRead",
  "FileWrite",
  "FileDelete",
  "DirCreate",
  "DirList",
];

function below(path: string, negated = false): Atom {
  return { kind: "path-in", path, negated };
}

function like(...parts: readonly string[]): Atom {
  return { kind: "path-like", parts, negated: false };
}

function rule(
  effect: "permit" | "forbid",
  actions: readonly Action[],
  ...where: readonly Atom[]
): Capability {
  const origin = { rule: `${effect}-${actions[0]}`, source: "p.cedar", line: 1, column: 1 };
  return { effect, actions, agent: undefined, where, origin };
}

function compile(...capabilities: readonly Capability[]) {
  return compileSeatbelt({ capabilities, agent: "agent", wide: "exact", tellsIoctls: true });
}

function profileOf(...capabilities: readonly Capability[]): SbplProfile {
  const plan = compile(...capabilities);
  if (!plan.ok) throw new Error(JSON.stringify(plan.error));
  return new SbplProfile(renderProfile(plan.value.profile, "TAG"));
}

function file(operation: string, path: string): SbplAccess {
  return { operation, path, vnode: "REGULAR-FILE" };
}

function directory(operation: string, path: string): SbplAccess {
  return { operation, path, vnode: "DIRECTORY" };
}

function connect(host: string, port: number): SbplAccess {
  return { operation: "network-outbound", endpoint: { side: "remote", host, port } };
}

type Row = readonly [name: string, access: SbplAccess, allowed: boolean];

function check(profile: SbplProfile, rows: readonly Row[]): void {
  for (const [name, access, allowed] of rows) {
    test(name, () => expect(profile.decide(access).allowed).toBe(allowed));
  }
}

describe("each action is its own operations", () => {
  const only = (action: Action) => profileOf(rule("permit", [action], below("/ws")));
  check(only("FileRead"), [
    ["FileRead reads a file", file("file-read-data", "/ws/a"), true],
    ["FileRead maps a library", file("file-map-executable", "/ws/a"), true],
    ["FileRead lists nothing", directory("file-read-data", "/ws"), false],
    ["FileRead writes nothing", file("file-write-data", "/ws/a"), false],
    ["FileRead runs nothing", file("process-exec*", "/ws/a"), false],
  ]);
  check(only("DirList"), [
    ["DirList lists", directory("file-read-data", "/ws"), true],
    ["DirList reads no file", file("file-read-data", "/ws/a"), false],
  ]);
  check(only("FileWrite"), [
    ["FileWrite writes", file("file-write-data", "/ws/a"), true],
    ["FileWrite makes a file", file("file-write-create", "/ws/a"), true],
    ["FileWrite makes no directory", directory("file-write-create", "/ws/d"), false],
    ["FileWrite removes nothing", file("file-write-unlink", "/ws/a"), false],
    ["FileWrite makes nothing set-uid", file("file-write-setugid", "/ws/a"), false],
    ["FileWrite gives no second name", file("file-link", "/ws/a"), false],
  ]);
  check(only("DirCreate"), [
    ["DirCreate makes a directory", directory("file-write-create", "/ws/d"), true],
    ["DirCreate makes no file", file("file-write-create", "/ws/a"), false],
  ]);
  check(only("FileDelete"), [
    ["FileDelete removes a file", file("file-write-unlink", "/ws/a"), true],
    ["FileDelete removes a directory", directory("file-write-unlink", "/ws/d"), true],
    ["FileDelete writes nothing", file("file-write-data", "/ws/a"), false],
  ]);
  check(only("ProcessSpawn"), [
    ["ProcessSpawn runs", file("process-exec*", "/ws/a"), true],
    ["ProcessSpawn does not run a sibling", file("process-exec*", "/wsx/a"), false],
  ]);
});

describe("sockets", () => {
  const loopback: Atom = { kind: "host-equals", host: "localhost", negated: false };
  const port: Atom = { kind: "port", op: "==", port: 8080, negated: false };
  const own = (path: string): SbplAccess => ({
    operation: "network-outbound",
    path,
    unix: "remote",
  });
  check(profileOf(rule("permit", ["NetConnect"], loopback, port)), [
    ["the granted endpoint", connect("localhost", 8080), true],
    ["another port", connect("localhost", 8081), false],
    ["another host", connect("10.0.0.1", 8080), false],
    ["a unix socket is no endpoint", own("/ws/s"), false],
    ["no resolver", own("/private/var/run/mDNSResponder"), false],
  ]);
  check(profileOf(rule("permit", ["NetConnect"])), [
    ["every endpoint", connect("example.com", 443), true],
    ["and the resolver", own("/private/var/run/mDNSResponder"), true],
    ["still no unix socket", own("/var/run/docker.sock"), false],
  ]);
  check(profileOf(rule("permit", ["FileWrite"], below("/ws"))), [
    ["a unix socket goes with writing to its name", own("/ws/s"), true],
    ["not elsewhere", own("/private/tmp/agent.sock"), false],
    ["no endpoint", connect("localhost", 80), false],
  ]);
  check(profileOf(rule("permit", ["FileWrite"]), rule("forbid", ["FileWrite"], below("/run"))), [
    ["a forbidden unix socket", own("/run/docker.sock"), false],
    ["an allowed twin", own("/ws/docker.sock"), true],
  ]);
});

describe("a forbid beats every permit, wherever it stands", () => {
  const forbid = rule("forbid", ["FileRead"], like("", "/.env"));
  const permit = rule("permit", ["FileRead"]);
  for (const [name, rules] of [
    ["first", [forbid, permit]],
    ["last", [permit, forbid]],
  ] as const) {
    check(profileOf(...rules), [
      [`forbid ${name}: denied`, file("file-read-data", "/ws/.env"), false],
      [`forbid ${name}: the twin`, file("file-read-data", "/ws/.envrc"), true],
    ]);
  }
});

describe("what a forbid protects cannot be moved away or put in place", () => {
  const hooks = rule("forbid", ["FileWrite", "FileDelete"], below("/ws/.git/hooks"));
  check(profileOf(rule("permit", everyChange, below("/ws")), hooks), [
    ["the directory itself stays", directory("file-write-unlink", "/ws/.git/hooks"), false],
    ["its parent stays", directory("file-write-unlink", "/ws/.git"), false],
    ["the granted directory stays", directory("file-write-unlink", "/ws"), false],
    ["a missing parent is not put in place", directory("file-write-create", "/ws/.git"), false],
    ["not as a link either", { ...file("file-write-create", "/ws/.git"), vnode: "SYMLINK" }, false],
    ["nor a directory below", directory("file-write-create", "/ws/.git/hooks/d"), false],
    ["a sibling can go", directory("file-write-unlink", "/ws/src"), true],
    ["a sibling can come", directory("file-write-create", "/ws/src"), true],
    ["a neighbour's file can go", file("file-write-unlink", "/ws/.git/index"), true],
  ]);
  const secret = rule("forbid", ["FileRead"], like("/ws/", ".pem"));
  check(profileOf(rule("permit", everyChange, below("/ws")), secret), [
    ["a secret cannot be renamed", file("file-write-unlink", "/ws/k.pem"), false],
    ["nor a directory it may lie in", directory("file-write-unlink", "/ws/certs"), false],
    ["other files can", file("file-write-unlink", "/ws/k.txt"), true],
    ["secrets can be made", file("file-write-create", "/ws/new.pem"), true],
  ]);
  const anywhere = rule("forbid", ["FileRead"], like("", ".pem"));
  check(profileOf(rule("permit", everyChange, below("/ws")), anywhere), [
    ["a pattern without a place moves along", directory("file-write-unlink", "/ws/certs"), true],
    ["the secret itself does not", file("file-write-unlink", "/ws/certs/k.pem"), false],
  ]);
});

describe("the base", () => {
  const profile = profileOf(rule("permit", ["FileRead", "DirList"], below("/usr")));
  const lookup = (name: string): SbplAccess => ({ operation: "mach-lookup", name });
  check(profile, [
    ["what the policy grants", file("file-map-executable", "/usr/lib/libc.dylib"), true],
    ["no other file", file("file-read-data", "/Users/me/.ssh/id_ed25519"), false],
    ["its size and times", file("file-read-metadata", "/Users/me/.ssh/id_ed25519"), true],
    ["nobody else's terminal", file("file-write-data", "/dev/ttys003"), false],
    ["no typing into the terminal", typing, false],
    ["no running of anything", file("process-exec*", "/bin/sh"), false],
    ["user names", lookup("com.apple.system.opendirectoryd.libinfo"), true],
    ["no keychain", lookup("com.apple.SecurityServer"), false],
    ["no keychain agent", lookup("com.apple.securityd.xpc"), false],
    ["no launching of applications", lookup("com.apple.coreservices.launchservicesd"), false],
    ["no Apple Events", { operation: "appleevent-send" }, false],
    ["no network", connect("localhost", 80), false],
  ]);
});

const typing: SbplAccess = { operation: "file-ioctl", path: "/dev/ttys001", name: "#x80017472" };

describe("a denial names the rule it comes from", () => {
  const plan = compile(
    rule("permit", everyChange, below("/ws")),
    rule("forbid", ["FileWrite"], below("/ws/.git/hooks")),
  );
  if (!plan.ok) throw new Error("refused");
  const profile = new SbplProfile(renderProfile(plan.value.profile, "TAG"));
  const rows: readonly (readonly [string, SbplAccess, string, string])[] = [
    ["nothing permits it", file("file-read-data", "/etc/x"), "", "no permit matched"],
    ["a forbid", file("file-write-data", "/ws/.git/hooks/x"), "forbid-FileWrite", "denied by"],
    ["a move", directory("file-write-unlink", "/ws/.git"), "forbid-FileWrite", "held in place"],
    [
      "a grant's directory",
      directory("file-write-unlink", "/ws"),
      "protected:granted-folders",
      "stays",
    ],
  ];
  for (const [name, access, wanted, reason] of rows) {
    test(name, () => {
      const number = Number(profile.decide(access).message.replace(".TAG", ""));
      expect(plan.value.denials[number]?.rule).toBe(wanted);
      expect(plan.value.denials[number]?.reason).toContain(reason);
    });
  }
});

describe("what Seatbelt cannot say is refused with its place, unlike a twin it can say", () => {
  const port = (op: "==" | ">=" | "<", number: number): Atom => {
    return { kind: "port", op, port: number, negated: false };
  };
  const everything = rule("permit", [...everyChange, "NetConnect", "NetBind"]);
  const host = (name: string): Atom => ({ kind: "host-equals", host: name, negated: false });
  const rows: readonly (readonly [string, Capability, string, Capability])[] = [
    [
      "a host name",
      rule("permit", ["NetBind"], host("example.com")),
      'macOS cannot tell the host "example.com" from others',
      rule("permit", ["NetBind"], host("localhost")),
    ],
    [
      "an address",
      rule("forbid", ["NetBind"], host("127.0.0.1")),
      'macOS cannot tell the host "127.0.0.1" from others',
      rule("forbid", ["NetRequest"], host("127.0.0.1")),
    ],
    [
      "a host pattern",
      rule("forbid", ["NetBind"], { kind: "host-like", parts: ["", ".com"], negated: false }),
      'macOS cannot compare host names with the pattern "*.com"',
      rule("forbid", ["NetBind"], { kind: "host-like", parts: ["", ""], negated: false }),
    ],
    [
      "a long range of ports",
      rule("permit", ["NetBind"], port(">=", 64_512)),
      "macOS knows no port ranges, and this clause lists 1024 ports: at most 64 are accepted",
      rule("permit", ["NetBind"], port(">=", 65_500)),
    ],
    [
      "the port that stands for any",
      rule("permit", ["NetBind"], port("==", 0)),
      "macOS cannot tell port 0 from others",
      rule("permit", ["NetBind"]),
    ],
    [
      "a pattern too long for an expression",
      rule("forbid", ["FileRead"], like("/", "a".repeat(1_000))),
      "macOS would refuse the profile: it needs a string of 1012 bytes, at most 1000 are accepted",
      rule("forbid", ["FileRead"], like("/", "a".repeat(900))),
    ],
  ];
  for (const [name, refused, message, twin] of rows) {
    test(name, () => {
      const plan = compile(everything, refused);
      expect(plan.ok ? [] : plan.error.map((problem) => [problem.message, problem.line])).toEqual([
        [message, 1],
      ]);
      expect(compile(everything, twin).ok).toBe(true);
    });
  }
  test("a forbid on what nothing permits needs no words", () => {
    const forbid = rule("forbid", ["NetBind"], host("example.com"));
    expect(compile(rule("permit", ["FileRead"]), forbid).ok).toBe(true);
    expect(compile(everything, forbid).ok).toBe(false);
  });
});

test("a grant for another agent is not in the profile", () => {
  const permit = { ...rule("permit", ["FileRead"], below("/ws")), agent: "another" };
  const access = file("file-read-data", "/ws/a");
  expect(profileOf(permit).decide(access).allowed).toBe(false);
  expect(profileOf({ ...permit, agent: "agent" }).decide(access).allowed).toBe(true);
});
