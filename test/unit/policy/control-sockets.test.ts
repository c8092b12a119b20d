// Which sockets of a session are found, and what opens what is protected.

import { describe, expect, test } from "bun:test";
import {
  type ControlSockets,
  controlSocketRules,
  findControlSockets,
  noControlSockets,
  type SocketDisk,
} from "../../../src/policy/control-sockets.ts";
import { explain } from "../../../src/policy/explain.ts";
import { flagsToCapabilities, type PolicyFlags } from "../../../src/policy/flags.ts";
import { attemptOf, deciderOf, layersOf, testPlaces } from "../../support/policies.ts";

const sockets = [
  "/tmp/ssh-Xab3/agent.7",
  "/tmp/tmux-1000/default",
  "/tmp/of-mine/x.sock",
  "/opt/agent/s",
  "/run/bus",
];
const folders = [
  "/tmp",
  "/run/user/1000",
  "/tmp/ssh-Xab3",
  "/tmp/ssh-others",
  "/tmp/nvim.root",
  "/tmp/tmux-1000",
  "/tmp/of-mine",
  "/tmp/.X11-unix",
];
/** Links of somebody else in /tmp, by what they lead to. */
const links: Readonly<Record<string, string>> = {
  "/tmp/ssh-x": "/dev/null",
  "/tmp/tmux-7": "/home/ada/src",
  "/tmp/screens": "/home/ada/src",
  "/tmp/emacs1000": "/home/ada/src",
};
const disk: SocketDisk = {
  kind: (path) => {
    if (folders.includes(path)) return "directory";
    const isOther = sockets.includes(path) || path.startsWith("/dev/") || path in links;
    return isOther ? "other" : "absent";
  },
  read: () => undefined,
  list: (path) => {
    const entries = [...folders, ...Object.keys(links), "/tmp/ssh-file", "/tmp/sshd.log"];
    const inside = entries.filter((entry) => entry.startsWith(`${path}/`));
    return inside.map((entry) => entry.slice(path.length + 1));
  },
  realPath: (path) => (path === "/var/bus" ? "/run/bus" : (links[path] ?? path)),
  socketOwner: (path) => {
    if (!folders.includes(path) && !sockets.includes(path)) return undefined;
    return { "/tmp/ssh-others": 8, "/tmp/.X11-unix": 8, "/tmp/nvim.root": 0 }[path] ?? 1000;
  },
};
const session = {
  user: 1000,
  variables: [] as readonly string[],
  runtimeFolder: undefined,
  worked: ["/home/ada"],
};
const inTemporary = [
  "/tmp/.ICE-unix",
  "/tmp/.X11-unix",
  "/tmp/nvim.root",
  "/tmp/ssh-Xab3",
  "/tmp/tmux-1000",
  "/tmp/uscreens",
];

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
      const paths = [...inTemporary, ...more].sort();
      expect(found).toEqual({ paths, beginnings: [] });
    });
  }

  test("what others have in /tmp, for who may open everybody's", () => {
    const { paths } = findControlSockets({ ...session, user: 0 }, disk);
    expect(paths).toContain("/tmp/ssh-others");
    expect(paths).not.toContain("/tmp/ssh-x");
  });
});

/** With so many names in /tmp that somebody made them. */
function crowded(count: number, owner = 1000): SocketDisk {
  const names = Array.from({ length: count }, (_, index) => `ssh-decoy${index}`);
  return {
    ...disk,
    list: (path) => (path === "/tmp" ? [...names, ...disk.list(path)] : disk.list(path)),
    socketOwner: (path) => (path.startsWith("/tmp/ssh-decoy") ? owner : disk.socketOwner(path)),
  };
}

describe("decoys", () => {
  test("that are few are closed by name, with everything else", () => {
    const { paths, beginnings } = findControlSockets(session, crowded(497));
    expect(beginnings).toEqual([]);
    expect(paths).toContain("/tmp/ssh-decoy496");
    expect(paths).toContain("/tmp/ssh-Xab3");
  });

  test("that are many close every name that begins like one", async () => {
    const found = findControlSockets({ ...session, variables: ["/opt/agent/s"] }, crowded(2000));
    expect(found.paths).toContain("/opt/agent/s");
    for (const name of ["ssh-Xab3", "nvim.root", "vscode-ipc-1.sock", "runtime-ada"])
      expect(found.beginnings.some((start) => `/tmp/${name}`.startsWith(start))).toBe(true);
    expect(await reasonOf("FileWrite /tmp/ssh-Xab3/agent.7", {}, found)).toEqual([
      "denied by sockets:many",
      "--net unix:/tmp/ssh-Xab3/agent.7",
    ]);
    expect(await reasonOf("FileWrite /tmp/of-mine/x.sock", {}, found)).toEqual([
      template,
      undefined,
    ]);
    const named = { net: ["unix:/tmp/ssh-Xab3/agent.7"] };
    expect(await reasonOf("FileWrite /tmp/ssh-Xab3/agent.7", named, found)).toEqual([
      template,
      undefined,
    ]);
    expect((await reasonOf("FileWrite /tmp/ssh-Xab3/agent.8", named, found))[0]).toBe(
      "denied by sockets:many",
    );
    expect((await reasonOf("FileDelete /tmp/ssh-Xab3/agent.7", named, found))[0]).toBe(
      "denied by sockets:many",
    );
    const written = { write: ["/tmp/ssh-Xab3"] };
    expect((await reasonOf("FileDelete /tmp/ssh-Xab3/agent.7", written, found))[0]).toBe(
      "allowed by allow-read-write:FileDelete",
    );
    const around = { write: ["/tmp"] };
    expect((await reasonOf("FileWrite /tmp/ssh-Xab3/agent.7", around, found))[0]).toBe(
      "denied by sockets:many",
    );
  });

  test("of others are not counted", () => {
    const found = findControlSockets(session, crowded(2000, 8));
    expect(found).toEqual({ paths: inTemporary, beginnings: [] });
  });

  test("are told by a rule of their own", () => {
    expect(controlSocketRules({ paths: [], beginnings: [] })).toBe("");
    expect(controlSocketRules({ paths: ["/a"], beginnings: ["/tmp/*-"] })).toContain(
      'resource.path like "/tmp/\\*-*"',
    );
  });
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

async function reasonOf(
  what: string,
  flags: Partial<PolicyFlags> = {},
  found: ControlSockets = { paths: ["/tmp/tmux-1000"], beginnings: [] },
) {
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
    sockets: found,
  };
  const layers = { templates: ["allow-read-write"], flags: given.value, protections };
  const { verdict, change } = explain(await deciderOf(layersOf(layers)), attemptOf(what));
  return [verdict.reason, change?.flag];
}

const docker = "/run/docker.sock";
const template = "allowed by allow-read-write:FileWrite";
test.each([
  ...[
    ["containers", "/run/cri-dockerd.sock"],
    ["containers", "/run/host-services/ssh-auth.sock"],
    ["containers", "/run/multipass_socket"],
    ["containers", "/var/snap/microk8s/common/run/containerd.sock"],
    ["containers", "/home/ada/.config/colima/default/docker.sock"],
    ["system", "/run/supervisor.sock"],
  ].map(([rule, path]) => [
    `FileWrite ${path}`,
    {},
    `denied by sockets:${rule}`,
    `--net unix:${path}`,
  ]),
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
] as [string, Partial<PolicyFlags>, string, string | undefined][])(
  "%s with %o: %s",
  async (what, flags, reason, flag) => {
    expect(await reasonOf(what, flags)).toEqual([reason, flag]);
  },
);

// Credentials lie around these as well; in a box that may use those the sockets are closed still.
test.each([
  ["containers", ".docker/run/docker.sock"],
  ["containers", ".docker/desktop/docker.sock"],
  ["agents", ".gnupg/S.gpg-agent"],
  ["agents", ".gnupg/S.gpg-agent.extra"],
  ["agents", ".gnupg/S.gpg-agent.ssh"],
])("without the protection of credentials sockets:%s closes %s", async (rule, path) => {
  const protections = {
    ownPaths: ["/home/ada/.aegis"],
    ownSecrets: [],
    repository: undefined,
    names: true,
    credentials: false,
    sockets: noControlSockets,
  };
  const decider = await deciderOf(layersOf({ templates: ["permit-all"], protections }));
  const reason = (at: string) => decider.decide(attemptOf(`FileWrite /home/ada/${at}`)).reason;
  expect(reason(path)).toBe(`denied by sockets:${rule}`);
  expect(reason(".docker/config.json")).toStartWith("allowed");
  expect(reason(".gnupg/S.other")).toStartWith("allowed");
});
