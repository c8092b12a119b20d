// Tests on endpoints, by host, address and protocol, as formulas over leaves. A literal no attempt
// could ever equal, because hosts are compared in one spelling, is a problem with its fix.

import { canonicalHost } from "../../base/host.ts";
import { formatIp, parseCidr } from "../../base/ip.ts";
import { assert } from "../../base/result.ts";
import { type Protocol, protocols } from "../../model/capability.ts";
import { isPlainHost } from "../attempt.ts";
import { any, constant, leaf } from "../formula.ts";
import type { Leaf } from "../leaf.ts";
import { simplifyParts } from "../like.ts";
import {
  type AddressTest,
  type AddressValue,
  isSingle,
  isWithin,
  passes,
  rangesOfTest,
  readAddress,
} from "./address.ts";
import type { Reading, Subject, Tests } from "./reading.ts";

export const everyAddress: readonly string[] = [...rangesOfTest.isIpv4, ...rangesOfTest.isIpv6];

export function hostLike(literal: readonly string[], reading: Reading): Tests {
  const parts = simplifyParts(literal);
  const [only = ""] = parts;
  if (parts.length === 1) {
    checkHost(only, reading);
    return leaf({ kind: "host-equals", host: only });
  }
  checkCase(parts.join("*"), reading);
  if (parts.length === 2 && parts.every((part) => part === ""))
    return leaf({ kind: "has-endpoint" });
  return leaf({ kind: "host-like", parts });
}

export function addressTest(test: AddressTest, subject: Subject | undefined): Tests | undefined {
  if (subject?.kind === "address") return constant(passes(test, subject.value));
  return subject?.kind === "ip" ? inAnyRange(rangesOfTest[test]) : undefined;
}

export function rangeTest(
  inner: Subject | undefined,
  outer: Subject | undefined,
): Tests | undefined {
  if (inner?.kind === "ip" && outer?.kind === "ip") return inAnyRange(everyAddress);
  if (inner?.kind === "ip" && outer?.kind === "address") return inRange(outer.value);
  if (inner?.kind !== "address") return undefined;
  if (outer?.kind === "address") return constant(isWithin(inner.value, outer.value));
  if (outer?.kind !== "ip") return undefined;
  return isSingle(inner.value) ? inRange(inner.value) : constant(false);
}

/** Where the bits of an address are all given, it is a host like any other. */
export function inRange({ ip, bits }: AddressValue): Tests {
  if (bits === ip.bytes.length * 8) return leaf({ kind: "host-equals", host: formatIp(ip) });
  const cidr = parseCidr(`${formatIp(ip)}/${bits}`);
  assert(cidr !== undefined, "an address with bits is a range");
  return leaf({ kind: "host-cidr", address: formatIp(cidr.ip), bits });
}

export function inAnyRange(texts: readonly string[]): Tests {
  const ranges = texts.map(readAddress).filter((range) => range !== undefined);
  assert(ranges.length === texts.length, "the ranges of a test are ranges");
  return any(...ranges.map(inRange));
}

export function protocolTest(isMeant: (protocol: Protocol) => boolean): Tests {
  const meant = protocols.filter(isMeant);
  if (meant.length === protocols.length) return leaf({ kind: "has-endpoint" });
  return any(...meant.map((protocol) => leaf<Leaf>({ kind: "protocol", protocol })));
}

export function checkProtocol(text: string, reading: Reading): void {
  if (protocols.some((name) => name === text)) return;
  reading.problems.push({
    message: `Protocol "${text}" can never match`,
    hint: `protocols are ${protocols.join(", ")}`,
  });
}

export function checkHost(text: string, reading: Reading): void {
  if (!reading.judgesHosts || isPlainHost(text)) return;
  const host = canonicalHost(text);
  if (text !== text.toLowerCase()) checkCase(text, reading);
  else if (host === undefined)
    reading.problems.push({
      message: `Host ${JSON.stringify(text)} can never match: it is no name or address`,
      hint: "",
    });
  else
    reading.problems.push({
      message: `Host "${text}" can never match: it is compared as "${host}"`,
      hint: `write "${host}"`,
    });
}

export function checkCase(text: string, reading: Reading): void {
  if (!reading.judgesHosts || text === text.toLowerCase()) return;
  reading.problems.push({
    message: `Host "${text}" can never match: hosts are compared in lower case`,
    hint: `write "${text.toLowerCase()}"`,
  });
}
