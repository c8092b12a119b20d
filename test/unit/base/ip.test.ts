import { expect, test } from "bun:test";
import { cidrCovers, formatCidr, isInCidr, parseCidr, parseIp } from "../../../src/base/ip.ts";

function cidr(text: string) {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no range`);
  return parsed;
}

test("a range is written with its network address", () => {
  const rows: [string, string | undefined][] = [
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["10.1.2.3", "10.1.2.3/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["10.129.0.0/9", "10.128.0.0/9"],
    ["2001:DB8::1/32", "2001:db8::/32"],
    ["::1", "::1/128"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::ffff:10.0.0.0/95", undefined],
    ["10.0.0.0/33", undefined],
    ["::/129", undefined],
    ["10.0.0.0/08", undefined],
    ["10.0.0.0/", undefined],
    ["10.0.0/8", undefined],
    ["010.0.0.0/8", undefined],
    ["example.com/8", undefined],
    ["/8", undefined],
  ];
  for (const [text, wanted] of rows) {
    const parsed = parseCidr(text);
    expect([text, parsed && formatCidr(parsed)]).toEqual([text, wanted]);
  }
});

test("an address is in the ranges that begin as it does", () => {
  const rows: [string, string, boolean][] = [
    ["10.0.0.0", "10.0.0.0/8", true],
    ["10.255.255.255", "10.0.0.0/8", true],
    ["11.0.0.0", "10.0.0.0/8", false],
    ["10.127.0.1", "10.0.0.0/9", true],
    ["10.128.0.1", "10.0.0.0/9", false],
    ["10.0.0.1", "10.0.0.1/32", true],
    ["10.0.0.2", "10.0.0.1/32", false],
    ["1.2.3.4", "0.0.0.0/0", true],
    ["::1", "0.0.0.0/0", false],
    ["1.2.3.4", "::/0", false],
    ["::1", "::/0", true],
    ["2001:db8:8000::", "2001:db8::/33", false],
    ["2001:db8:7fff::", "2001:db8::/33", true],
    ["::ffff:10.0.0.1", "10.0.0.0/8", true],
  ];
  for (const [address, range, wanted] of rows) {
    const ip = parseIp(address);
    if (ip === undefined) throw new Error(`${address} is no address`);
    expect([address, range, isInCidr(ip, cidr(range))]).toEqual([address, range, wanted]);
  }
});

test("a range covers those within it", () => {
  expect(cidrCovers(cidr("10.0.0.0/8"), cidr("10.1.0.0/16"))).toBe(true);
  expect(cidrCovers(cidr("10.0.0.0/8"), cidr("10.0.0.0/8"))).toBe(true);
  expect(cidrCovers(cidr("10.1.0.0/16"), cidr("10.0.0.0/8"))).toBe(false);
  expect(cidrCovers(cidr("10.0.0.0/8"), cidr("11.0.0.0/16"))).toBe(false);
  expect(cidrCovers(cidr("::/0"), cidr("10.0.0.0/8"))).toBe(false);
});
