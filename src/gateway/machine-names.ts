// The machine's own resolver, which names are looked up by outside of the box. The runtime reads
// once which servers to ask; a machine that changes its network meanwhile would find no name any
// more, so the file is looked at before each look-up.

import { getServers, setServers } from "node:dns";
import { readFileSync, statSync } from "node:fs";
import { formatIp, parseIp } from "../base/ip.ts";
import type { ResolveName } from "./permit.ts";

const serverFile = "/etc/resolv.conf";

/** @param file which servers to ask, as resolv.conf(5) says it */
export function createMachineNames(file = serverFile): ResolveName {
  let known: string | undefined;
  return async (name) => {
    const version = versionOf(file);
    if (version !== known) useServers(file);
    known = version;
    const found = await Bun.dns.lookup(name);
    return found.map(({ address }) => address);
  };
}

/** Changes whenever the file does; undefined while there is none. */
function versionOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat && [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(" ");
}

/** What cannot be read, names no server, or one in a way unknown here, changes nothing. */
function useServers(file: string): void {
  const servers = [...textOf(file).matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = ""]) => {
    // A zone cannot be said to the runtime, which knows it from the start.
    const ip = parseIp(withoutZone(server));
    return ip && formatIp(ip);
  });
  const wanted = [...new Set(servers)].filter((server) => server !== undefined);
  const isKnown = wanted.join(" ") === getServers().map(withoutZone).join(" ");
  if (wanted.length > 0 && !servers.includes(undefined) && !isKnown) setServers(wanted);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // ignored: between two networks there may be none
    return "";
  }
}

function withoutZone(server: string): string {
  return server.replace(/%.*$/, "");
}
