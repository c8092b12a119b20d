// Classes H, I and J: the network, local sockets and brokers, the terminal.

import { type Leaves, type Left, type NoRow, refusedCall } from "../left.ts";
import { rows } from "../row.ts";

/** With what its socket is called in the ledger, `socket:` before it. */
const families = [
  ["AF_KEY", 15, 3, 2, "15/raw/2"],
  ["AF_PACKET raw", 17, 3, 0x300, "packet/raw/768"],
  ["AF_PACKET datagram", 17, 2, 0x300, "packet/dgram/768"],
  ["AF_RDS", 21, 5, 0, "21/seqpacket"],
  ["AF_CAN", 29, 3, 1, "can/raw/1"],
  ["AF_TIPC", 30, 1, 0, "tipc/stream"],
  ["AF_BLUETOOTH", 31, 3, 1, "bluetooth/raw/1"],
  ["AF_ALG", 38, 5, 0, "alg/seqpacket"],
  ["AF_NFC", 39, 5, 1, "39/seqpacket/1"],
  ["AF_VSOCK stream", 40, 1, 0, "vsock/stream"],
  ["AF_VSOCK datagram", 40, 2, 0, "vsock/dgram"],
  ["AF_KCM", 41, 2, 0, "41/dgram"],
  ["AF_QIPCRTR", 42, 2, 0, "42/dgram"],
  ["AF_SMC", 43, 1, 0, "43/stream"],
  ["AF_XDP", 44, 3, 0, "xdp/raw"],
  ["AF_MCTP", 45, 2, 0, "45/dgram"],
  ["AF_APPLETALK", 5, 2, 0, "5/dgram"],
  ["AF_X25", 9, 5, 0, "9/seqpacket"],
  ["AF_LLC", 26, 1, 0, "26/stream"],
  ["AF_PHONET", 35, 2, 0, "35/dgram"],
  ["AF_CAIF", 37, 1, 0, "37/stream"],
  ["netlink uevent", 16, 3, 15, "netlink/raw/15"],
  ["netlink audit", 16, 3, 9, "netlink/raw/9"],
  ["netlink netfilter", 16, 3, 12, "netlink/raw/12"],
  ["netlink generic", 16, 3, 16, "netlink/raw/16"],
  ["netlink socket diagnosis", 16, 3, 4, "netlink/raw/4"],
  ["netlink crypto", 16, 3, 21, "netlink/raw/21"],
  ["raw IPv4", 2, 3, 1, "inet/raw/icmp"],
  ["raw IPv6", 10, 3, 58, "inet6/raw/icmp6"],
  ["raw IP of any kind", 2, 3, 255, "inet/raw/255"],
  ["SCTP", 2, 1, 132, "inet/stream/sctp"],
  ["DCCP", 2, 6, 33, "inet/6/33"],
  ["L2TP", 2, 2, 115, "inet/dgram/115"],
  ["UDP-Lite", 2, 2, 136, "inet/dgram/udplite"],
] as const;

const ownNetwork = "the box has a network of its own, which nobody else is on";
const ownSocket = ["unix", "{ws}/served/stream"];
const tcp = [
  ["tcp", "a TCP connection", "inet/stream/tcp"],
  ["tcp-twice", "a TCP connection after connecting to nothing", "inet/stream/tcp"],
  ["mptcp", "multipath TCP that falls back to plain", "inet/stream/mptcp"],
  ["sctp", "SCTP", "inet/stream/sctp"],
  ["dccp", "DCCP", "inet/6/33"],
  ["fast-open", "TCP fast open by sendto", "inet/stream/tcp"],
  ["fast-open-message", "TCP fast open by sendmsg", "inet/stream/tcp"],
  ["fast-open-connect", "TCP fast open armed by connect", "inet/stream/tcp"],
] as const;
const udp = [
  ["udp-send", "a datagram by sendto", "inet/dgram/udp"],
  ["udp-message", "a datagram by sendmsg", "inet/dgram/udp"],
  ["udp-many", "a datagram by sendmmsg", "inet/dgram/udp"],
  ["udp-connect", "a connected datagram socket", "inet/dgram/udp"],
  ["udplite", "UDP-Lite", "inet/dgram/udplite"],
] as const;

/** Of these some policy grants one, so nothing but the want of a rule denies them. */
const grantable = new Set([
  "inet/stream/tcp",
  "inet6/stream/tcp",
  "inet/dgram/udp",
  "inet/dgram/icmp",
]);

function socketRow(kind: string): Left {
  return ["NetConnect", `socket:${kind}`, grantable.has(kind) ? "" : "box:sockets"];
}

/** In a network of one's own there is nobody to connect to, by what a socket there can speak. */
function leavesAlone(kind: string): Leaves {
  const left = socketRow(kind);
  const isSpoken = !["inet/stream/sctp", "inet/6/33"].includes(kind);
  return isSpoken ? { namespaces: "absent", shared: left } : left;
}

function leavesOfFamily(kind: string): Leaves {
  const left = socketRow(kind);
  if (kind === "inet/dgram/udplite") return { shared: left };
  const isRefusedAround = kind.startsWith("vsock/") || kind.startsWith("alg/");
  return isRefusedAround ? { namespaces: left, shared: left, container: "around" } : left;
}

function isIpv6(address: string): boolean {
  return address.includes(":");
}

export const network = rows("H", [
  ...tcp.map(([name, technique, kind]) => ({
    name: `${name}-loopback`,
    technique: `${technique} to a server on the host's loopback`,
    words: [name, "127.0.0.1", "{tcp}"],
    leaves: leavesAlone(kind),
    twin: ownSocket,
  })),
  ...["::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "127.0.0.2"].map((address) => ({
    name: `tcp-${address.replaceAll(/[:.]+/g, "-").replace(/^-|-$/g, "") || "any6"}`,
    technique: `a TCP connection to ${address}`,
    words: ["tcp", address, "{tcp}"],
    leaves: leavesAlone(isIpv6(address) ? "inet6/stream/tcp" : "inet/stream/tcp"),
    twin: ownSocket,
  })),
  ...udp.map(([name, technique, kind]) => ({
    name: `${name}-loopback`,
    technique: `${technique} to a server on the host's loopback`,
    words: [name, "127.0.0.1", "{udp}"],
    leaves: leavesAlone(kind),
    twin: ownSocket,
  })),
  {
    name: "bind",
    technique: "a TCP server on loopback",
    words: ["bind", "127.0.0.1", "{free}"],
    leaves: { shared: socketRow("inet/stream/tcp") },
    twin: ownSocket,
    wanted: ownNetwork,
    wantedOnly: "namespaces",
  },
  {
    name: "listen-unbound",
    technique: "listen without bind takes a free port",
    words: ["listen", "127.0.0.1", "0"],
    leaves: { shared: socketRow("inet/stream/tcp") },
    twin: ownSocket,
    wanted: ownNetwork,
    wantedOnly: "namespaces",
  },
  {
    name: "mptcp-bind",
    technique: "a multipath TCP server",
    words: ["mptcp-bind", "127.0.0.1", "{free}"],
    leaves: { shared: socketRow("inet/stream/mptcp") },
    twin: ownSocket,
    wanted: ownNetwork,
    wantedOnly: "namespaces",
  },
  {
    name: "udp-bind",
    technique: "a UDP server",
    words: ["udp-bind", "127.0.0.1", "{free}"],
    leaves: { shared: socketRow("inet/dgram/udp") },
    twin: ownSocket,
    wanted: ownNetwork,
    wantedOnly: "namespaces",
  },
  {
    name: "ping",
    technique: "an ICMP echo socket",
    words: ["socket", "2", "2", "1"],
    leaves: {
      namespaces: socketRow("inet/dgram/icmp"),
      shared: socketRow("inet/dgram/icmp"),
      container: ["NetConnect", "socket:inet/dgram/icmp", "box:ping"],
    },
    twin: ["socket", "1", "1", "0"],
    wanted: ownNetwork,
    wantedOnly: "namespaces",
  },
  ...families.map(([name, family, type, protocol, kind]) => ({
    name: `socket-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`,
    technique: `a socket of ${name}`,
    words: ["socket", String(family), String(type), String(protocol)],
    leaves: leavesOfFamily(kind),
    twin: ["socket", "1", "1", "0"],
    ...(name === "UDP-Lite" ? { wanted: ownNetwork, wantedOnly: "namespaces" as const } : {}),
  })),
  {
    name: "socket-high-bits",
    technique: "AF_INET with bits above 32 in the family",
    words: ["call", "{sys:socket}", "0x100000002", "1", "0"],
    leaves: { shared: socketRow("inet/stream/tcp") },
    twin: ["call", "{sys:socket}", "1", "1", "0"],
    wanted: ownNetwork,
    wantedOnly: "namespaces",
  },
  {
    name: "interfaces",
    technique: "list the host's network interfaces",
    words: ["interfaces"],
    leaves: { namespaces: "absent" },
    twin: ["proc-read", "self", "net/dev"],
    weaker: "without a network namespace the names of interfaces can be seen",
  },
  {
    name: "dev-tcp",
    technique: "bash's /dev/tcp",
    words: ["exec-interpreter", "/bin/bash", "{bin}/dev-tcp"],
    leaves: leavesAlone("inet/stream/tcp"),
    twin: ["exec-interpreter", "/bin/bash", "{bin}/script"],
  },
]);

/** Names without a file lead nowhere here; /tmp is the box's own where it has a mount namespace. */
function leavesOfBroker(path: string, rule: string): Leaves {
  const left: Left | NoRow = path.startsWith("@") ? "absent" : ["FileWrite", path, rule];
  return path.startsWith("/tmp/") ? { namespaces: "absent", shared: left } : left;
}

export const localSockets = rows("I", [
  {
    name: "unix-stream",
    technique: "connect to a socket outside the tree",
    words: ["unix", "{sockets}/stream"],
    leaves: ["FileWrite", "{sockets}/stream"],
    twin: ownSocket,
  },
  {
    name: "unix-packets",
    technique: "connect to a packet socket outside",
    words: ["unix-packets", "{sockets}/packets"],
    leaves: ["FileWrite", "{sockets}/packets"],
    twin: ["unix-packets", "{ws}/served/packets"],
  },
  ...["unix-send", "unix-message", "unix-connect-datagram", "unix-pair"].map((name) => ({
    name,
    technique: `a message to a datagram socket outside (${name})`,
    words: [name, "{sockets}/datagram"],
    leaves: socketRow("unix/dgram"),
    twin: ownSocket,
  })),
  {
    name: "unix-chdir",
    technique: "connect by a relative name",
    words: ["unix-chdir", "{sockets}", "stream"],
    leaves: ["FileWrite", "{sockets}/stream"],
    twin: ["unix-chdir", "{ws}/served", "stream"],
  },
  {
    name: "unix-link",
    technique: "connect through a link in the workspace",
    words: ["unix-link", "{sockets}/stream", "{s}/l"],
    leaves: ["FileWrite", "{sockets}/stream"],
    twin: ["unix-link", "{ws}/served/stream", "{s}/m"],
  },
  {
    name: "unix-own-root",
    technique: "connect through /proc/self/root",
    words: ["unix", "/proc/self/root{sockets}/stream"],
    leaves: ["FileWrite", "{sockets}/stream"],
    twin: ownSocket,
  },
  {
    name: "abstract-stream",
    technique: "connect to an abstract socket of the host",
    words: ["unix", "@{abstract}-stream"],
    leaves: { namespaces: "absent", shared: "landlock" },
    twin: ownSocket,
  },
  {
    name: "abstract-packets",
    technique: "the same, packets",
    words: ["unix-packets", "@{abstract}-packets"],
    leaves: { namespaces: "absent", shared: "landlock" },
    twin: ownSocket,
  },
  {
    name: "abstract-datagram",
    technique: "send to an abstract socket of the host",
    words: ["unix-send", "@{abstract}-datagram"],
    leaves: socketRow("unix/dgram"),
    twin: ownSocket,
  },
  {
    name: "unix-granted",
    technique: "connect to a socket in the workspace",
    words: ownSocket,
    wanted: "a socket in a folder that may be written may be used",
  },
  ...[
    ["docker", "/var/run/docker.sock", "sockets:containers"],
    ["podman", "/run/podman/podman.sock", "sockets:containers"],
    ["containerd", "/run/containerd/containerd.sock", "sockets:containers"],
    ["nix", "/nix/var/nix/daemon-socket/socket", ""],
    ["system-bus", "/run/dbus/system_bus_socket", "sockets:system"],
    ["systemd", "/run/systemd/private", "sockets:system"],
    ["nscd", "/var/run/nscd/socket", ""],
    ["resolved", "/run/systemd/resolve/io.systemd.Resolve", "sockets:system"],
    ["avahi", "/run/avahi-daemon/socket", ""],
    ["x11", "/tmp/.X11-unix/X0", "sockets:found"],
    ["x11-abstract", "@/tmp/.X11-unix/X0", ""],
    ["snapd", "/run/snapd.socket", "sockets:system"],
    ["journal", "/run/systemd/journal/stdout", "sockets:system"],
    ["cups", "/run/cups/cups.sock", ""],
  ].map(([name = "", path = "", rule = ""]) => ({
    name: `broker-${name}`,
    technique: `connect to ${path}`,
    words: ["unix", path],
    leaves: leavesOfBroker(path, rule),
    twin: ownSocket,
  })),
  ...[
    "SSH_AUTH_SOCK",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "TMUX",
    "STY",
    "VSCODE_IPC_HOOK_CLI",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "DOCKER_HOST",
    "GPG_AGENT_INFO",
    "KUBECONFIG",
  ].map((name) => ({
    name: `address-${name.toLowerCase().replaceAll("_", "-")}`,
    technique: `the address of an agent outside in ${name}`,
    words: ["variable", name],
    leaves: "absent" as const,
    twin: ["variable", "LANG"],
  })),
  {
    name: "sysv-memory",
    technique: "shared memory of the host (System V)",
    words: ["shared-memory", "{key}"],
    leaves: { namespaces: "absent", shared: "filter" },
    twin: ["call", "{sys:getpid}"],
  },
  {
    name: "sysv-queue",
    technique: "a message queue of the host (System V)",
    words: ["message-queue", "{key}"],
    leaves: { namespaces: "absent", shared: "filter" },
    twin: ["call", "{sys:getpid}"],
  },
  {
    name: "sysv-semaphore",
    technique: "a semaphore of the host (System V)",
    words: ["semaphore", "{key}"],
    leaves: { namespaces: "absent", shared: "filter" },
    twin: ["call", "{sys:getpid}"],
  },
  {
    name: "posix-queue",
    technique: "a message queue of the host (POSIX)",
    words: ["posix-queue", "/{abstract}"],
    leaves: { namespaces: "absent", shared: "landlock" },
    twin: ["call", "{sys:getpid}"],
  },
  {
    name: "posix-memory",
    technique: "shared memory of the host (POSIX)",
    words: ["posix-memory", "/{abstract}"],
    leaves: { namespaces: "absent" },
    weaker: "without a mount namespace /dev/shm is the host's",
    twin: ["call", "{sys:getpid}"],
  },
]);

export const terminal = rows("J", [
  ...[
    ["tiocsti", "type into the terminal", "5412"],
    ["tiocsti-high", "the same with bits above 32", "100005412"],
    ["tiocsti-sign", "the same with every high bit", "ffffffff00005412"],
    ["tioclinux", "paste by TIOCLINUX", "541c"],
    ["tioclinux-high", "the same with bits above 32", "10000541c"],
    ["tiocexcl", "close the terminal to whoever opens it, by TIOCEXCL", "540c"],
    ["tiocsetd", "make something else of the terminal, by TIOCSETD", "5423"],
    ["kdskbent", "give a key of the console another meaning, by KDSKBENT", "4b47"],
    ["kdskbsent", "give a key of the console a line to type, by KDSKBSENT", "4b49"],
  ].map(([name = "", technique = "", request = ""]) => ({
    name,
    technique,
    words: ["terminal", request],
    leaves: refusedCall("ioctl", `0x${request.slice(-4)}`),
    twin: ["terminal", "5413"],
  })),
]);
