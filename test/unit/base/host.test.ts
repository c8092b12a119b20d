import { expect, test } from "bun:test";
import { canonicalHost, formatEndpoint, parseEndpoint } from "../../../src/base/host.ts";

test("every spelling of a host is one text", () => {
  const rows: [string, string][] = [
    ["example.com", "example.com"],
    ["Example.COM.", "example.com"],
    ["my_host-1", "my_host-1"],
    ["10.0.0.1", "10.0.0.1"],
    ["10.0.0.1.", "10.0.0.1"],
    ["10.1", "10.0.0.1"],
    ["10.0.1", "10.0.0.1"],
    ["0x0a.0.0.1", "10.0.0.1"],
    ["012.0.0.1", "10.0.0.1"],
    ["167772161", "10.0.0.1"],
    ["0xA000001", "10.0.0.1"],
    ["0x00000000A000001", "10.0.0.1"],
    ["XN--bcher-KVA.example", "xn--bcher-kva.example"],
    ["::1", "::1"],
    ["[::1]", "::1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8::0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:a00:1", "10.0.0.1"],
    ["::10.0.0.1", "::a00:1"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["BÜCHER.example。", "xn--bcher-kva.example"],
    ["１０。０。０。１", "10.0.0.1"],
    ["faß.example", "xn--fa-hia.example"],
  ];
  for (const [text, host] of rows) {
    expect([text, canonicalHost(text)]).toEqual([text, host]);
    expect([host, canonicalHost(host)]).toEqual([host, host]);
  }
});

test("what no resolver should be asked for is no host", () => {
  const rows = [
    ["nothing", ""],
    ["a dot", "."],
    ["an empty label", "a..b"],
    ["a blank", "a b"],
    ["a line break", "a.example\nb"],
    ["a NUL", "a.example\0.b"],
    ["a wide blank", "ä\u3000b"],
    ["a path", "a/b"],
    ["a user", "me@a"],
    ["an escape", "ex%61mple.com"],
    ["a star", "*.example.com"],
    ["brackets around a name", "[example.com]"],
    ["brackets around IPv4", "[10.0.0.1]"],
    ["half a bracket", "[::1"],
    ["a dot behind a cut", "::."],
    ["a hyphen at the end", "a-.example"],
    ["what no letters are written as", "xn--a.example"],
    ["a zone", "fe80::1%eth0"],
    ["two cuts", "1::2::3"],
    ["too many groups", "1:2:3:4:5:6:7:8:9"],
    ["too few groups", "1:2:3:4:5:6:7"],
    ["a cut that leaves nothing out", "1:2:3:4::5:6:7:8"],
    ["a long group", "::12345"],
    ["three colons", ":::1"],
    ["five bytes", "1.2.3.4.5"],
    ["a byte too large", "10.0.0.256"],
    ["a number too large", "4294967296"],
    ["digits that are not octal", "08.0.0.1"],
    ["a label that is too long", `${"a".repeat(64)}.example`],
    ["a name that is too long", Array.from({ length: 130 }, () => "a").join(".")],
    ["half a surrogate pair", "a\ud800b"],
  ];
  for (const [name, text = ""] of rows)
    expect([name, canonicalHost(text)]).toEqual([name, undefined]);
});

test("an endpoint is a host with or without a port", () => {
  const rows: [string, string | undefined, number | undefined][] = [
    ["example.com", "example.com", undefined],
    ["EXAMPLE.com.:443", "example.com", 443],
    ["0x7f.1:80", "127.0.0.1", 80],
    ["::1", "::1", undefined],
    ["[::1]:8080", "::1", 8080],
    ["[::ffff:10.0.0.1]:7", "10.0.0.1", 7],
    ["::1:80", "::1:80", undefined],
    ["example.com:65536", undefined, undefined],
    ["example.com:", undefined, undefined],
    [":80", undefined, undefined],
    ["[example.com]:80", undefined, undefined],
    ["example.com:80:81", undefined, undefined],
    ["example.com\n:80", undefined, undefined],
  ];
  for (const [text, host, port] of rows) {
    const parsed = parseEndpoint(text);
    expect([text, parsed?.host, parsed?.port]).toEqual([text, host, port]);
  }
  expect(formatEndpoint("::1", 80)).toBe("[::1]:80");
  expect(formatEndpoint("example.com", 80)).toBe("example.com:80");
});
