// A server's Unix socket, put together: its place, who may call, and what the log is told of those
// who may not.

import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { openPeerReader, type PeerCredentials } from "../../bridge/peer-credentials.ts";
import type { Granted } from "./caller-file.ts";
import { liveCallers, noCallers } from "./live-callers.ts";
import { ownPeer, peerWith, readPeers } from "./peers.ts";
import { claimSocket } from "./socket-claim.ts";
import { openSocket, type SocketListener, type SocketOptions } from "./socket-listener.ts";
import type { SocketWishes } from "./socket-wishes.ts";
import type { ServeNotice } from "./tool-policy.ts";

/** Who is at the other end of a connection, and what its line gives it. */
export interface ConnectedPeer extends Granted, Pick<PeerCredentials, "uid" | "gid" | "pid"> {}

export interface ServedSocket {
  readonly path: string;
  /** Whether a file says what each may do, so that nobody needs a key. */
  readonly hasPeers: boolean;
  /** Undefined, and the log has been told: nobody who is listed. */
  peerAt(fd: number): ConnectedPeer | undefined;
  listen<Who>(options: Omit<SocketOptions<Who>, "claim" | "group">): SocketListener;
  /** Once nobody listens any more. */
  /** Reads again who may call. */
  reload(): void;
  release(): void;
}

/** A refused account is told about once in so long, milliseconds: it may try without end. */
const noticeEveryMs = 60_000;
/** Accounts that this is remembered for. */
const noticedMax = 1000;

/** @throws {AegisError} when nobody could be recognised, or the place cannot be had */
export async function prepareSocket(
  { path: typed, peers: peerFile, group }: SocketWishes,
  directory: AbsPath,
  log: { notify(notice: ServeNotice): void; nowMs(): number },
): Promise<ServedSocket> {
  const path = resolvePath(directory, typed);
  const read = openPeerReader();
  if (read === undefined) {
    const why = "this system does not tell who connects to a socket";
    throw new AegisError("config/invalid", `Cannot listen on the socket "${path}": ${why}`);
  }
  const listed =
    peerFile === undefined
      ? { ...noCallers, callers: [ownPeer()] }
      : liveCallers(resolvePath(directory, peerFile), readPeers, (notice) => log.notify(notice));
  const claim = await claimSocket(path).catch((error) => {
    listed.stop();
    throw error;
  });
  const noticed = new Map<number, number>();

  function refuse(found: PeerCredentials | undefined): void {
    const now = log.nowMs();
    const uid = found?.uid ?? -1;
    if (now - (noticed.get(uid) ?? Number.NEGATIVE_INFINITY) < noticeEveryMs) return;
    if (noticed.size >= noticedMax) noticed.clear();
    noticed.set(uid, now);
    const who = found === undefined ? "somebody unknown" : describePeer(found);
    log.notify({ level: "warn", message: `refused on ${path}: ${who} is not listed` });
  }

  return {
    path: claim.path,
    hasPeers: peerFile !== undefined,
    peerAt(fd) {
      const found = read(fd);
      const peer = found === undefined ? undefined : peerWith(listed.callers, found);
      if (found === undefined || peer === undefined) return void refuse(found);
      const { role, tenant, name } = peer;
      return { role, tenant, name, uid: found.uid, gid: found.gid, pid: found.pid };
    },
    listen: (options) => openSocket({ ...options, claim, group }),
    reload: listed.reload,
    release() {
      listed.stop();
      claim.release();
    },
  };
}

function describePeer({ uid, gid, pid }: PeerCredentials): string {
  return `uid ${uid}, gid ${gid}, pid ${pid}`;
}
