// `aegis learn`: from a recorded session to the policy that would have allowed it. The recording is
// a launch like any other; what is learned from it is decided in policy/learn.ts.

import { lstatSync } from "node:fs";
import { formatIp, parseIp } from "../base/ip.ts";
import { contains } from "../base/paths.ts";
import type { BoxRequest } from "../enforce/backend.ts";
import { classOfIp } from "../gateway/address.ts";
import { accessIn, type RecordedAccess } from "../ledger/access.ts";
import type { Ledger, SessionRecord } from "../ledger/contract.ts";
import { sessionEvents } from "../ledger/session-events.ts";
import { type Learned, learn } from "../policy/learn/learn.ts";
import { createSeen } from "../policy/learn/seen.ts";
import { learnedText } from "../policy/learn/text.ts";
import { temporaryFolder } from "../supervise/temporary-folder.ts";
import { standingRules } from "./policy/in-force.ts";
import type { Surroundings } from "./surroundings.ts";

export interface LearnedPolicy {
  readonly session: SessionRecord;
  readonly learned: Learned;
  /** Cedar. */
  readonly text: string;
}

/** @throws {AegisError} `config/invalid` when the session's folder is not there any more */
export async function learnFromSession(
  ledger: Ledger,
  session: SessionRecord,
  around: Surroundings,
): Promise<LearnedPolicy> {
  const { directory, name } = session;
  const standing = await standingRules({ directory, name }, around);
  const place = temporaryPlace(standing, (path) => wasThereBefore(path, session.openedUnixMs));
  const seen = createSeen();
  for await (const events of sessionEvents(ledger, session.id)) {
    for (const event of events) {
      const access = accessIn(event);
      if (access === undefined) continue;
      const address = addressToName(access);
      seen.add({ ...access, path: place.inBox(access.path), address });
    }
  }
  const found = learn(seen.all(), {
    agent: name,
    standing: standing.capabilities,
    home: standing.home,
    wasThere: place.wasThere,
  });
  const learned = {
    ...found,
    exact: found.exact.map((grant) => ({ ...grant, path: place.named(grant.path) })),
    folders: found.folders.map((grant) => ({ ...grant, path: place.named(grant.path) })),
  };
  return { session, learned, text: learnedText(learned, headingOf(session, learned)) };
}

/**
 * What was not in /tmp before is meant for the folder that each box has for temporary files: named
 * by its path, /tmp is the host's with all that other programs keep there.
 */
function temporaryPlace({ temporary }: BoxRequest, wasThere: (path: string) => boolean) {
  const own = temporary?.path ?? temporaryFolder;
  const isHosts = (path: string): boolean => {
    if (!contains(temporaryFolder, path) || contains(own, path)) return true;
    const [, name = ""] = path.slice(temporaryFolder.length).split("/");
    return name !== "" && wasThere(`${temporaryFolder}/${name}`);
  };
  return {
    inBox: (path: string) => (isHosts(path) ? path : `${own}${path.slice(temporaryFolder.length)}`),
    wasThere: (path: string) => path === own || wasThere(path),
    named: (path: string) => (contains(own, path) ? `$tmp${path.slice(own.length)}` : path),
  };
}

/**
 * By the file's birth; a file system that does not keep it says nothing, and a new name is assumed.
 */
function wasThereBefore(path: string, unixMs: number): boolean {
  try {
    const born = lstatSync(path, { throwIfNoEntry: false })?.birthtimeMs ?? 0;
    return born > 0 && born < unixMs;
  } catch {
    // ignored: what cannot be looked at is not known to have been there
    return false;
  }
}

/** A name does not permit what it leads to unless that is somewhere on the open internet. */
function addressToName({ host, address }: RecordedAccess): string | undefined {
  const ip = address === undefined || address === host ? undefined : parseIp(address);
  return ip === undefined || classOfIp(ip) === "public" ? undefined : formatIp(ip);
}

function isNameServer({ action, host = "", port }: Learned["endpoints"][number]): boolean {
  return action === "NetConnect" && port === 53 && parseIp(host) !== undefined;
}

function headingOf(session: SessionRecord, learned: Learned): readonly string[] {
  const { observed } = learned;
  const command = JSON.stringify(session.command.join(" ")).slice(1, -1);
  return [
    `Learned from session ${session.id} of: ${command}`,
    `It made ${observed.accesses} accesses to ${observed.distinct} things; ${observed.ofBase} of these need no policy.`,
    ...(session.mode === "wrap" ? [notRecorded] : []),
    ...(session.mode !== "run" && learned.endpoints.some(isNameServer) ? [notNamed] : []),
  ];
}

const notNamed =
  "It asked for names; nobody saw which, so connections are granted by address (docs/use.md).";
const notRecorded = "Recorded by `aegis wrap`, which does not say what was looked for in vain.";
