// What kind of place an address is, and which other address it may lead to.

import { expect, test } from "bun:test";
import { formatIp, parseIp } from "../../../src/base/ip.ts";
import { type AddressClass, classOfIp, embeddedIp } from "../../../src/gateway/address.ts";

const classes: readonly [AddressClass, readonly string[]][] = [
  ["public", ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1"]],
  ["public", ["192.167.0.1", "11.0.0.1", "223.255.255.255", "2606:4700::1111", "2a00::1"]],
  ["public", ["64:ff9b::101:101"]],
  ["loopback", ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]],
  ["unspecified", ["0.0.0.0", "0.1.2.3", "::"]],
  ["private", ["10.0.0.1", "172.16.0.1", "172.31.255.1", "192.168.1.1", "fd12::1", "fc00::1"]],
  ["private", ["fec0::1", "64:ff9b::c0a8:101", "::ffff:10.0.0.1"]],
  ["link-local", ["169.254.0.1", "fe80::1", "febf::1"]],
  ["metadata", ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200"]],
  ["metadata", ["168.63.129.16", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254"]],
  ["shared", ["100.64.0.1", "100.127.255.255"]],
  ["multicast", ["224.0.0.1", "239.255.255.255", "ff02::1"]],
  ["documentation", ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"]],
  ["transition", ["2002:7f00:1::1", "2001:0:1::1", "::7f00:1", "64:ff9b:1::1"]],
  ["reserved", ["240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.1", "4000::1", "100::1"]],
];

for (const [kind, texts] of classes)
  for (const text of texts)
    test(`${text} is ${kind}`, () => {
      const ip = parseIp(text);
      expect(ip && classOfIp(ip)).toBe(kind);
    });

const embedded: readonly [string, string | undefined][] = [
  ["2002:a00:1::1", "10.0.0.1"],
  ["2001:0:4136:e378:8000:63bf:80ff:fffe", "127.0.0.1"],
  ["::10.0.0.1", "10.0.0.1"],
  ["64:ff9b::a00:1", "10.0.0.1"],
  ["64:ff9b:1::a00:1", "10.0.0.1"],
  ["::1", undefined],
  ["2606:4700::1111", undefined],
  ["10.0.0.1", undefined],
];
for (const [text, inner] of embedded)
  test(`${text} ${inner === undefined ? "carries no other address" : `carries ${inner}`}`, () => {
    const ip = parseIp(text);
    const found = ip && embeddedIp(ip);
    expect(found && formatIp(found)).toBe(inner);
  });
