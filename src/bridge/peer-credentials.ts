// Who is at the other end of a Unix socket, as the kernel says: it wrote that down when they
// connected, and nothing they send changes it. Linux only; Bun has no name for it.

import { ptr } from "bun:ffi";
import { openLibrary } from "./library.ts";

export interface PeerCredentials {
  /** 0: of a process that cannot be seen from here, as one outside of a container. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Besides `gid`; none on kernels that do not tell, before 4.13. */
  readonly groups: readonly number[];
}

/** Undefined for what is no connected Unix socket. */
export type PeerReader = (fd: number) => PeerCredentials | undefined;

const functions = {
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
} as const;

const solSocket = 1;
const soPeercred = 17;
const soPeergroups = 59;
/** NGROUPS_MAX */
const groupsMax = 65_536;
/** What the kernel writes for a socket that nobody connected: (uid_t) -1. */
const nobody = 0xffff_ffff;

/** Undefined where there is no such C library, as elsewhere than on Linux. */
export function openPeerReader(): PeerReader | undefined {
  const libc = openLibrary(functions);
  if (libc === undefined) return undefined;
  const credentials = new Int32Array(3);
  const groups = new Uint32Array(groupsMax);
  const length = new Uint32Array(1);

  function option(fd: number, name: number, into: Int32Array | Uint32Array): number | undefined {
    length[0] = into.byteLength;
    if (libc?.getsockopt(fd, solSocket, name, ptr(into), ptr(length)) !== 0) return undefined;
    return length[0];
  }

  return (fd) => {
    if (option(fd, soPeercred, credentials) !== credentials.byteLength) return undefined;
    const [pid = 0, uid = -1, gid = -1] = credentials;
    const [user, group] = [uid >>> 0, gid >>> 0];
    if (user === nobody || group === nobody) return undefined;
    const size = option(fd, soPeergroups, groups) ?? 0;
    const others = [...groups.subarray(0, size / groups.BYTES_PER_ELEMENT)];
    return { pid, uid: user, gid: group, groups: others };
  };
}
