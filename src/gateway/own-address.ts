// The addresses of this machine itself: whoever owns a name may let it lead to one of them, and
// what serves there may count on nobody else reaching it. Interfaces come and go, so they are
// looked at each time.

import { networkInterfaces } from "node:os";
import { formatIp, type Ip, parseIp } from "../base/ip.ts";
import { type AddressClass, classOfIp, embeddedIp } from "./address.ts";

/** As this machine sees it. @param interfaces texts of its addresses */
export function classHere(ip: Ip, interfaces = addressesHere): AddressClass {
  const kind = classOfIp(ip);
  if (kind !== "public") return kind;
  const inner = embeddedIp(ip);
  const wanted = [ip, ...(inner === undefined ? [] : [inner])].map(formatIp);
  const own = interfaces().map(parseIp);
  return own.some((each) => each !== undefined && wanted.includes(formatIp(each))) ? "own" : kind;
}

function addressesHere(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((found = []) =>
    found.map(({ address }) => address.replace(/%.*$/, "")),
  );
}
