// Which sockets of a session are found, and what opens what is protected.

import { describe, expect, test } from "bun:test";
import { findControlSockets } from "../../../src/policy/control-sockets.ts";
import { explain } from "../../../src/policy/explain.ts";
import { flagsToCapabilities, type PolicyFlags } from "../../../src/policy/flags.ts";
import type { Disk } from "../../../src/policy/repository.ts";
import { attemptOf, deciderOf, layersOf, testPlaces } from "../../support/policies.ts";

const sockets = [
  "/tmp/ssh-Xab3/agent.7",
  "/tmp/tmux-1000/default",
  "/tmp/of-mine/x.sock",
  "/opt/agent/s",
  "/run/bus",
];
const folders = ["/tmp", "/run/user/1000", "/tmp/ssh-Xab3", "/tmp/tmux-1000", "/tmp/of-mine"];
const disk: Disk = {
  kind: (path) => {
    if (folders.includes(path)) return "directory";
    return sockets.includes(path) || path.startsWith("/dev/") ? "other" : "absent";
  },
  read: () => undefined,
  list: (path) => (path === "/tmp" ? ["ssh-Xab3", "tmux-1000", "of-mine", "sshd.log"] : []),
  realPath: (path) => (path === "/var/bus" ? "/run/bus" : path),
};
const session = {
  user: 1000,
  variables: [] as readonly string[],
  runtimeFolder: undefined,
  worked: ["/home/ada"],
};
const inTemporary = ["/tmp/emacs1000", "/tmp/ssh-Xab3", "/tmp/tmux-1000"];

describe("found are", () => {
  const rows: readonly (readonly [
    string,
    Partial<Parameters<typeof findControlSockets>[0]>,
    readonly string[],
  ])[] = [
    ["names that programs give in /tmp", {}, []],
    ["the runtime folder", { runtimeFolder: "/run/user/1000" }, ["/run/user/1000"]],
    ["no runtime folder that is /tmp itself", { runtimeFolder: "/tmp" }, []],
    [
      "none that is worked in",
      { runtimeFolder: "/run/user/1000", worked: ["/run/user/1000/w"] },
      [],
    ],
    ["a bare path of a variable", { variables: ["/opt/agent/s"] }, ["/opt/agent/s"]],
    [
      "an address of a bus, links resolved",
      { variables: ["unix:path=/var/bus,guid=0a"] },
      ["/run/bus"],
    ],
    ["an address with slashes", { variables: ["unix:///opt/agent/s"] }, ["/opt/agent/s"]],
    ["a path with more behind it, once", { variables: ["/tmp/tmux-1000/default,42,0"] }, []],
    [
      "no terminal, no file, nothing absent",
      { variables: ["/dev/pts/0", "/opt/agent/t", ":0"] },
      [],
    ],
  ];
  for (const [name, over, more] of rows) {
    test(name, () => {
      const found = findControlSockets({ ...session, ...over }, disk);
      expect(found).toEqual([...inTemporary, ...more].sort());
    });
  }
});

const none: PolicyFlags = {
  read: [],
  write: [],
  deny: [],
  net: [],
  denyNet: [],
  listen: [],
  exec: [],
};

async function reasonOf(what: string, flags: Partial<PolicyFlags> = {}) {
  const context = {
    directory: testPlaces.workspace,
    home: testPlaces.home,
    realPath: () => undefined,
    findProgram: () => [],
  };
  const given = flagsToCapabilities({ ...none, ...flags }, context);
  if (!given.ok) throw new Error(JSON.stringify(given.error));
  const protections = {
    ownPaths: ["/home/ada/.aegis"],
    ownSecrets: [],
    repository: undefined,
    names: true,
    credentials: true,
    sockets: ["/tmp/tmux-1000"],
  };
  const layers = { templates: ["allow-read-write"], flags: given.value, protections };
  const { verdict, change } = explain(await deciderOf(layersOf(layers)), attemptOf(what));
  return [verdict.reason, change?.flag];
}

const docker = "/run/docker.sock";
const template = "allowed by allow-read-write:FileWrite";
test.each([
  [`FileWrite ${docker}`, {}, "denied by sockets:containers", `--net unix:${docker}`],
  [`FileDelete ${docker}`, {}, "denied by sockets:containers", `--write ${docker}`],
  [`FileRead ${docker}`, {}, "allowed by allow-read-write:FileRead", undefined],
  ["FileWrite /run/docker.socket", {}, template, undefined],
  ["FileWrite /tmp/tmux-1000/x", {}, "denied by sockets:found", "--net unix:/tmp/tmux-1000/x"],
  [
    "FileWrite /run/user/7/bus",
    { write: ["/run"] },
    "denied by sockets:session",
    "--net unix:/run/user/7/bus",
  ],
  [`FileWrite ${docker}`, { net: [`unix:${docker}`] }, template, undefined],
  [
    `FileDelete ${docker}`,
    { net: [`unix:${docker}`] },
    "denied by sockets:containers",
    `--write ${docker}`,
  ],
  [
    "FileWrite /run/podman/x",
    { net: [`unix:${docker}`] },
    "denied by sockets:containers",
    "--net unix:/run/podman/x",
  ],
  ["FileWrite /run/user/7/a/b", { write: ["/run/user/7/a"] }, template, undefined],
  [
    "FileDelete /run/user/7/a/b",
    { write: ["/run/user/7/a"] },
    "allowed by allow-read-write:FileDelete",
    undefined,
  ],
  [
    "FileWrite /run/user/7/b",
    { write: ["/run/user/7/a"] },
    "denied by sockets:session",
    "--net unix:/run/user/7/b",
  ],
] as const)("%s with %o: %s", async (what, flags, reason, flag) => {
  expect(await reasonOf(what, flags)).toEqual([reason, flag]);
});
