// Which accounts of this machine may call a server over its Unix socket, and what each may do: a
// file with lines `uid:N ROLE TENANT NAME` and `gid:N ROLE TENANT NAME`, or the server's own
// account alone. Accounts are numbers: what a name stands for is not the file's to say.

import { readFileSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import type { AbsPath } from "../../base/paths.ts";
import type { PeerCredentials } from "../../bridge/peer-credentials.ts";
import { type CallerFile, type Granted, readCallers, unusable } from "./caller-file.ts";

type Account = { readonly kind: "uid" | "gid"; readonly id: number };

export type ServedPeer = Account & Granted;

const idMax = 0xffff_fffe;

const peerFile: CallerFile<Account> = {
  name: "peer file",
  form: "uid:N|gid:N",
  hint: "`id -u NAME` prints the number of an account, `getent group NAME` that of a group",
  whoOf(text) {
    const [, kind, digits = ""] = /^(uid|gid):(0|[1-9]\d{0,9})$/.exec(text) ?? [];
    const id = Number(digits);
    if ((kind !== "uid" && kind !== "gid") || id > idMax) return undefined;
    return { kind, id };
  },
  shownOf: ({ kind, id }) => `${kind}:${id}`,
};

/** @throws {AegisError} `config/invalid` for lines that are none, or that contradict each other */
export function readPeers(path: AbsPath): readonly ServedPeer[] {
  const peers = readCallers(path, peerFile);
  for (const { kind, id } of peers) {
    if (!isNameable(kind, id)) {
      const why = `${kind}:${id} stands for every one that this user namespace has no number for`;
      throw unusable(path, peerFile, why);
    }
  }
  return peers;
}

/** @throws {AegisError} where the own account is not to be told from others */
export function ownPeer(): ServedPeer {
  const uid = process.geteuid?.() ?? -1;
  if (uid >= 0 && isNameable("uid", uid)) {
    const name = `uid:${uid}`;
    return { kind: "uid", id: uid, role: "admin", tenant: undefined, name };
  }
  throw new AegisError("config/invalid", `Cannot tell the own account from others: uid ${uid}`, {
    hint: "run the server with an account that its user namespace has a number for",
  });
}

/** The line about the account itself, else the first one about a group it is in. */
export function peerWith(
  peers: readonly ServedPeer[],
  { uid, gid, groups }: PeerCredentials,
): ServedPeer | undefined {
  return (
    peers.find(({ kind, id }) => kind === "uid" && id === uid) ??
    peers.find(({ kind, id }) => kind === "gid" && (id === gid || groups.includes(id)))
  );
}

/**
 * In a user namespace that does not have every account, one number stands for all it lacks (user
 * namespaces(7), "Unmapped user and group IDs").
 */
function isNameable(kind: Account["kind"], id: number): boolean {
  const isWhole = /^\s*0\s+0\s+4294967295\s*$/.test(textOf(`/proc/self/${kind}_map`));
  return isWhole || id !== Number(textOf(`/proc/sys/kernel/overflow${kind}`).trim() || 65_534);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // ignored: without /proc the namespace counts as one that lacks accounts
    return "";
  }
}
