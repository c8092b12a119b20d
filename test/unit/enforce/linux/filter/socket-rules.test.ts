import { expect, test } from "bun:test";
import { answer, closed, silent } from "../../../../support/filter-answers.ts";

test("sockets: each family, type and protocol under each grant", () => {
  const grants = {
    none: { inet: "none", netlinkRoute: false, unixDatagrams: false, fastOpen: false },
    tcp: { inet: "tcp", netlinkRoute: false, unixDatagrams: false, fastOpen: false },
    any: { inet: "any", netlinkRoute: true, unixDatagrams: false, fastOpen: false },
    all: { inet: "unrestricted", netlinkRoute: true, unixDatagrams: true, fastOpen: true },
  } as const;
  const rows = [
    ["TCP", [2, 1, 0], "eacces", "allow", "allow"],
    ["TCP, close on exec and not blocking", [2, 0x80801, 6], "eacces", "allow", "allow"],
    ["TCP over IPv6", [10, 1, 6], "eacces", "allow", "allow"],
    ["UDP", [2, 2, 0], "eacces", "eacces", "allow"],
    ["UDP over IPv6", [10, 2, 17], "eacces", "eacces", "allow"],
    ["ping", [2, 2, 1], "eacces", "eacces", "allow"],
    ["MPTCP", [2, 1, 262], "eacces", "eacces", "allow"],
    ["SMC by protocol", [2, 1, 256], "eacces", "eacces", "eacces"],
    ["SCTP", [2, 1, 132], "eacces", "eacces", "eacces"],
    ["SCTP one to many", [2, 5, 132], "eacces", "eacces", "eacces"],
    ["DCCP", [2, 6, 33], "eacces", "eacces", "eacces"],
    ["raw", [2, 3, 1], "eacces", "eacces", "eacces"],
    ["raw over IPv6", [10, 3, 58], "eacces", "eacces", "eacces"],
    ["packet", [17, 3, 0], "noFamily", "noFamily", "noFamily"],
    ["netlink route", [16, 3, 0], "noFamily", "noFamily", "allow"],
    ["netlink uevent", [16, 3, 15], "noFamily", "noFamily", "noFamily"],
    ["netlink audit", [16, 3, 9], "noFamily", "noFamily", "noFamily"],
    ["vsock", [40, 1, 0], "noFamily", "noFamily", "noFamily"],
    ["kernel crypto", [38, 5, 0], "noFamily", "noFamily", "noFamily"],
    ["Bluetooth", [31, 3, 0], "noFamily", "noFamily", "noFamily"],
    ["SMC by family", [43, 1, 0], "noFamily", "noFamily", "noFamily"],
    ["XDP", [44, 3, 0], "noFamily", "noFamily", "noFamily"],
    ["TIPC", [30, 1, 0], "noFamily", "noFamily", "noFamily"],
    ["unix stream", [1, 1, 0], "allow", "allow", "allow"],
    ["unix packets in order", [1, 0x80005, 0], "allow", "allow", "allow"],
    ["unix datagram", [1, 2, 0], "eacces", "eacces", "eacces"],
    ["unix raw, a datagram in disguise", [1, 3, 0], "eacces", "eacces", "eacces"],
  ] as const;
  for (const [name, args, none, tcp, any] of rows) {
    expect({ name, none: answer({ ...closed, sockets: grants.none }, "socket", ...args) }).toEqual({
      name,
      none,
    });
    expect({ name, tcp: answer({ ...closed, sockets: grants.tcp }, "socket", ...args) }).toEqual({
      name,
      tcp,
    });
    expect({ name, any: answer({ ...closed, sockets: grants.any }, "socket", ...args) }).toEqual({
      name,
      any,
    });
    expect({ name, all: answer({ ...closed, sockets: grants.all }, "socket", ...args) }).toEqual({
      name,
      all: "allow",
    });
  }
  expect(answer(closed, "socketpair", 1, 1)).toBe("allow");
  expect(answer(closed, "socketpair", 1, 2)).toBe("eacces");
  expect(answer(closed, "socketpair", 30, 1)).toBe("noFamily");
});

test("what is refused is handed over where it is to be recorded, and nothing else", () => {
  const sockets = {
    inet: "own",
    netlinkRoute: false,
    unixDatagrams: false,
    fastOpen: false,
  } as const;
  const told = { ...closed, sockets, notify: { ...silent, refused: true } };
  const rows = [
    ["TCP", [2, 1, 0], "allow"],
    ["UDP", [10, 2, 17], "allow"],
    ["unix stream", [1, 1, 0], "allow"],
    ["ping", [2, 2, 1], "notify"],
    ["raw", [2, 3, 1], "notify"],
    ["packet", [17, 3, 0], "notify"],
    ["netlink route", [16, 3, 0], "notify"],
    ["vsock", [40, 1, 0], "notify"],
    ["unix datagram", [1, 2, 0], "notify"],
  ] as const;
  for (const [name, args, expected] of rows)
    expect([name, answer(told, "socket", ...args)]).toEqual([name, expected]);
  expect(answer(told, "sendto", 0, 0, 0, 0x20000000)).toBe("notify");
  expect(answer(told, "sendto", 0, 0, 0, 0)).toBe("allow");
});

test("fast open does not exist where connections are judged, and only there", () => {
  const fastOpen = 0x20000000;
  const free = { ...closed, sockets: { ...closed.sockets, fastOpen: true } } as const;
  for (const [name, at] of [
    ["sendto", 3],
    ["sendmsg", 2],
    ["sendmmsg", 3],
  ] as const) {
    const args = [0, 0, 0, 0];
    args[at] = fastOpen | 0x4000;
    expect([name, answer(closed, name, ...args)]).toEqual([name, "noFastOpen"]);
    expect([name, answer(free, name, ...args)]).toEqual([name, "allow"]);
    expect([name, answer(closed, name, 0, 0, 0, 0)]).toEqual([name, "allow"]);
  }
});

test("a datagram with an address of its own is heard of, a plain send is not", () => {
  const plan = { ...closed, notify: { ...silent, send: true } };
  expect(answer(plan, "sendto", 3, 0, 0, 0, 0)).toBe("allow");
  expect(answer(plan, "sendto", 3, 0, 0, 0, 0x7fff0000)).toBe("notify");
  expect(answer(plan, "sendto", 3, 0, 0, 0, 1n << 32n)).toBe("notify");
  expect(answer(plan, "sendmsg", 3)).toBe("notify");
  expect(answer(closed, "sendto", 3, 0, 0, 0, 0x7fff0000)).toBe("allow");
});

test("a socket tells about itself and not about the interfaces of where it was made", () => {
  const named = { ...closed.sockets, inet: "by-name", netlinkRoute: true } as const;
  const open = {
    ...closed,
    sockets: { ...closed.sockets, inet: "any", netlinkRoute: true },
  } as const;
  // SIOCGIFCONF, SIOCGIFADDR, SIOCETHTOOL, SIOCGARP, SIOCGIFINDEX, SIOCBRADDBR, SIOCGIWNAME
  for (const request of [0x8912, 0x8915, 0x8946, 0x8954, 0x8933, 0x89a0, 0x8b01]) {
    for (const plan of [closed, { ...closed, sockets: named }]) {
      expect(answer(plan, "ioctl", 3, request)).toBe("eperm");
      expect(answer(plan, "ioctl", 3, BigInt(request) | (1n << 32n))).toBe("eperm");
    }
    expect(answer(open, "ioctl", 3, request)).toBe("allow");
  }
  // FIONREAD, FIONBIO, TIOCOUTQ, SIOCATMARK, SIOCOUTQNSD, a file's own request
  for (const request of [0x541b, 0x5421, 0x5411, 0x8905, 0x894b, 0x40049409])
    expect(answer(closed, "ioctl", 3, request)).toBe("allow");
});

test("where the supervisor sends for sockets, it hears of every message of theirs", () => {
  const notify = { ...closed.notify, send: true, sendConnected: true };
  const plan = { ...closed, notify, sockets: { ...closed.sockets, inet: "tcp-udp" } } as const;
  const connected = [3, 0x1000, 5, 0, 0, 0];
  expect(answer(plan, "sendto", ...connected)).toBe("notify");
  expect(
    answer({ ...plan, notify: { ...notify, sendConnected: false } }, "sendto", ...connected),
  ).toBe("allow");
  expect(answer(plan, "sendmsg", 3, 0x1000, 0)).toBe("notify");
  for (const call of ["write", "writev"]) {
    expect([call, answer(plan, call, 511)]).toEqual([call, "allow"]);
    expect([call, answer(plan, call, 512)]).toEqual([call, "notify"]);
    expect([call, answer(closed, call, 512)]).toEqual([call, "allow"]);
  }
  for (const [protocol, wanted] of [
    [0, "allow"],
    [17, "allow"],
    [1, "eacces"],
    [58, "eacces"],
    [136, "eacces"],
  ] as const)
    expect([protocol, answer(plan, "socket", 2, 2, protocol)]).toEqual([protocol, wanted]);
});

test("where connections are judged, no socket takes a route of its own", () => {
  for (const inet of ["tcp", "tcp-udp", "by-name"] as const) {
    const plan = { ...closed, sockets: { ...closed.sockets, inet } };
    // IP_OPTIONS, IPV6_2292RTHDR, IPV6_2292PKTOPTIONS, IPV6_FLOWLABEL_MGR, IPV6_RTHDR
    for (const [level, option] of [
      [0, 4],
      [41, 5],
      [41, 6],
      [41, 32],
      [41, 57],
    ] as const) {
      expect([option, answer(plan, "setsockopt", 3, level, option)]).toEqual([option, "eperm"]);
      expect(answer(plan, "setsockopt", 3, BigInt(level) | (1n << 32n), option)).toBe("eperm");
    }
    // SO_REUSEPORT, IP_TOS, TCP_FASTOPEN's neighbour, IPV6_V6ONLY
    for (const [level, option] of [
      [1, 15],
      [0, 1],
      [6, 4],
      [41, 26],
    ] as const)
      expect(answer(plan, "setsockopt", 3, level, option)).toBe("allow");
  }
  const open = { ...closed, sockets: { ...closed.sockets, inet: "any" } } as const;
  expect(answer(open, "setsockopt", 3, 0, 4)).toBe("allow");
});
