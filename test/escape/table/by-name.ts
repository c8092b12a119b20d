// Class H where some hosts are granted by name: what is said to the proxy and to the resolver, by a
// program that may reach one port of this machine. `{granted}` is that port, `{tcp}` another; of
// UDP they are `{heard}` and `{udp}`.

import type { Left } from "../left.ts";
import { rows } from "../row.ts";

const auth = "<auth>";
const tunnel = connectTo("localhost:{granted}");
const get = request("GET / HTTP/1.1", "Host: localhost:{granted}");
const answered = say("HTTP/1.1 200 OK");
const twin = ["proxy", tunnel, " 200 ", get, answered];

/** And what the ledger calls them. */
const spellings = [
  ["loopback", "127.0.0.1", "127.0.0.1"],
  ["decimal", "2130706433", "127.0.0.1"],
  ["hexadecimal", "0x7f000001", "127.0.0.1"],
  ["octal", "0177.0.0.1", "127.0.0.1"],
  ["short", "127.1", "127.0.0.1"],
  ["other-loopback", "127.0.0.2", "127.0.0.2"],
  ["any", "0.0.0.0", "0.0.0.0"],
  ["mapped", "[::ffff:127.0.0.1]", "127.0.0.1"],
  ["ipv6", "[::1]", "::1"],
  ["dotted", "localhost.", "localhost"],
  ["capital", "LocalHost", "localhost"],
  ["name", "localhost", "localhost"],
] as const;

/** And the reason that is given. */
const inTunnel = [
  [
    "host",
    "a request for another host in a tunnel",
    ["GET / HTTP/1.1", "Host: evil.example"],
    "the request is for evil.example, the connection for localhost",
  ],
  ["trace", "TRACE", ["TRACE / HTTP/1.1", "Host: localhost:{granted}"], "the method TRACE"],
  [
    "connect",
    "CONNECT in a tunnel",
    ["CONNECT evil.example:443 HTTP/1.1", "Host: evil.example"],
    "CONNECT inside a connection",
  ],
  ["no-host", "no Host", ["GET / HTTP/1.1", "Accept: */*"], "no Host"],
  [
    "two-hosts",
    "two Hosts",
    ["GET / HTTP/1.1", "Host: localhost:{granted}", "Host: evil.example"],
    "more than one Host",
  ],
  [
    "url",
    "a whole URL of another host",
    ["GET http://evil.example/ HTTP/1.1", "Host: localhost"],
    "a Host other than the URL's",
  ],
  [
    "two-lengths",
    "Content-Length twice",
    ["POST / HTTP/1.1", "Host: localhost:{granted}", "Content-Length: 0", "Content-Length: 9"],
    "more than one Content-Length",
  ],
  [
    "both-lengths",
    "Content-Length and Transfer-Encoding",
    [
      "POST / HTTP/1.1",
      "Host: localhost:{granted}",
      "Content-Length: 4",
      "Transfer-Encoding: chunked",
    ],
    "Content-Length beside Transfer-Encoding",
  ],
  [
    "coding",
    "a transfer coding with a space before the colon",
    ["POST / HTTP/1.1", "Host: localhost:{granted}", "Transfer-Encoding : chunked"],
    "a line that is no header field",
  ],
  [
    "fold",
    "a folded field",
    ["GET / HTTP/1.1", "Host: localhost:{granted}", " evil.example"],
    "a header field folded over lines",
  ],
] as const;

const noCommand = "another command than CONNECT";

/** What was asked for could not be read, for that reason. */
function unreadable(host: string, reason: string | undefined): Left {
  if (reason === undefined) return ["NetConnect", `${host}:{granted}`, "", "socks5"];
  return ["NetConnect", "?:0", "", reason];
}

function inRequest(reason: string): Left {
  return ["NetRequest", "localhost:{granted}", "", reason];
}

export const byName = rows("H", [
  ...spellings.map(([name, host, seenAs]) => ({
    name: `proxy-${name}`,
    technique: `a tunnel to a port that is not granted, of ${host}`,
    words: ["proxy", connectTo(`${host}:{tcp}`), " 200 "],
    leaves: ["NetConnect", `${seenAs}:{tcp}`, "", "proxy connect"] as const,
    twin,
  })),
  ...inTunnel.map(([name, technique, lines, reason]) => ({
    name: `tunnel-${name}`,
    technique,
    words: ["proxy", tunnel, " 200 ", request(...lines), answered],
    leaves: inRequest(reason),
    twin,
  })),
  {
    name: "tunnel-smuggled",
    technique: "a second request for another host behind the first",
    words: [
      ...["proxy", tunnel, " 200 ", get, answered],
      ...[request("GET /evil HTTP/1.1", "Host: evil.example"), answered],
    ],
    leaves: inRequest("the request is for evil.example, the connection for localhost"),
    twin: ["proxy", tunnel, " 200 ", get, answered, get, answered],
  },
  {
    name: "tunnel-line-feeds",
    technique: "a request whose lines end in LF alone",
    words: ["proxy", tunnel, " 200 ", say("GET / HTTP/1.1\nHost: localhost\n\n"), answered],
    leaves: inRequest("a line that ends without CR"),
    twin,
  },
  {
    name: "tunnel-tls-name",
    technique: "TLS for another host in a tunnel",
    words: ["proxy", tunnel, " 200 ", bytes(clientHello("evil.example")), "REACHED"],
    leaves: ["NetConnect", "localhost:{granted}", "", 'the TLS client asks for "evil.example"'],
    twin: ["proxy", tunnel, " 200 ", bytes(clientHello("localhost")), "REACHED"],
  },
  {
    name: "url-host",
    technique: "a whole URL, and another host in Host",
    words: [
      "proxy",
      say(`GET http://localhost:{granted}/ HTTP/1.1\r\nHost: evil.example\r\n${auth}\r\n`),
      answered,
    ],
    leaves: ["NetConnect", "localhost:{granted}", "", "a Host other than the URL's"],
    twin: [
      "proxy",
      say(`GET http://localhost:{granted}/ HTTP/1.1\r\nHost: localhost:{granted}\r\n${auth}\r\n`),
      answered,
    ],
  },
  ...(
    [
      [
        "socks-nul",
        "SOCKS5: a name with NUL in it",
        1,
        "localhost\0.evil.example",
        "a name that is no host name",
      ],
      ["socks-other", "SOCKS5: a name that is not granted", 1, "evil.example", undefined],
      ["socks-bind", "SOCKS5: BIND", 2, "localhost", noCommand],
      ["socks-datagrams", "SOCKS5: UDP ASSOCIATE", 3, "localhost", noCommand],
    ] as const
  ).map(([name, technique, command, host, reason]) => ({
    name,
    technique,
    words: socks(command, host),
    leaves: unreadable(host, reason),
    twin: socks(1, "localhost"),
  })),
  ...(
    [
      ["udp-send", "sendto"],
      ["udp-message", "sendmsg"],
      ["udp-many", "sendmmsg"],
      ["udp-connect", "connect"],
    ] as const
  ).map(([word, call]) => ({
    name: `granted-${word}`,
    technique: `a datagram to a port that is not granted, by ${call}`,
    words: [word, "127.0.0.1", "{udp}"],
    leaves: {
      namespaces: "absent",
      shared: ["NetConnect", "127.0.0.1:{udp}", "", "connect"],
    } as const,
    twin: [word, "127.0.0.1", "{heard}"],
  })),
  ...(
    [
      ["other", "the address of a name that is not granted", "evil.example", "1", "A"],
      ["tunnel", "data in a name below a granted one", "736563726574.localhost.example", "1", "A"],
      ["text", "data in an answer of text", "evil.example", "16", "TXT"],
      ["any", "everything known of a name", "evil.example", "255", "TYPE255"],
    ] as const
  ).map(([name, technique, host, type, asked]) => ({
    name: `resolver-${name}`,
    technique,
    words: ["name", host, type],
    leaves: ["NetConnect", `${host}:53`, "", `dns ${asked}`] as const,
    twin: ["name", "localhost", "1"],
  })),
]);

/** As the technique takes it: bytes that are no plain text in hexadecimal. */
function say(text: string): string {
  return text
    .split(auth)
    .map((part) => bytes(Buffer.from(part, "latin1")))
    .join("\\A");
}

function bytes(data: Uint8Array): string {
  return [...data]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\${byte.toString(16).padStart(2, "0")}`,
    )
    .join("");
}

function request(...lines: readonly string[]): string {
  return say(`${lines.join("\r\n")}\r\n\r\n`);
}

function connectTo(place: string): string {
  return say(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n${auth}\r\n`);
}

/** RFC 1928 and 1929. The port is the granted one, whose digits only the scene knows: `{port}`. */
function socks(command: number, host: string): string[] {
  const head = Buffer.from([5, command, 0, 3, host.length, ...Buffer.from(host, "latin1")]);
  return [
    "proxy",
    "\\05\\01\\02",
    "\\05\\02",
    "\\S",
    "\\01\\00",
    `${bytes(head)}{port}`,
    "\\05\\00",
  ];
}

/** The smallest a server takes (RFC 8446 4.1.2), with a name in it (RFC 6066 3). */
function clientHello(host: string): Uint8Array {
  const name = Buffer.from(host);
  const sni = [0, ...size(name.length), ...name];
  const list = [...size(sni.length), ...sni];
  const versions = [0, 43, 0, 3, 2, 3, 4];
  const extensions = [0, 0, ...size(list.length), ...list, ...versions];
  const body = [
    ...[3, 3, ...new Uint8Array(32).fill(7), 0],
    ...[0, 2, 0x13, 1, 1, 0, ...size(extensions.length), ...extensions],
  ];
  const message = [1, 0, ...size(body.length), ...body];
  return Uint8Array.from([0x16, 3, 1, ...size(message.length), ...message]);
}

function size(count: number): [number, number] {
  return [count >> 8, count & 0xff];
}
