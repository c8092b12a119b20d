// The session of the control plane that a box is to record into, once a token has proved the
// right to. The token comes from whoever starts the box; every doubt about it keeps the box from
// starting.

import { readFileSync, statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { resolvePath } from "../../base/paths.ts";
import { aegisPaths } from "../../config/location.ts";
import {
  readSessionToken,
  sessionTokenLengthMax,
  type TokenProblem,
} from "../../control/session-token.ts";
import type { JoinedSession } from "../../ledger/contract.ts";
import { localTenant, readSessionKey } from "../../ledger/control/foreign.ts";
import { knownServerSecret } from "../serve/secret.ts";
import type { Surroundings } from "../surroundings.ts";
import type { LaunchOptions } from "./options.ts";

export const sessionTokenVariable = "AEGIS_SESSION_TOKEN";

const problems: Readonly<Record<TokenProblem, string>> = {
  malformed: "the token is none",
  forged: "the token was not given out by this user's server",
  expired: "the token has expired",
};

/** @throws {AegisError} `launch/refused` without a token that is good for that session now */
export function sessionToJoin(
  { session, tokenFile }: NonNullable<LaunchOptions["joins"]>,
  around: Surroundings,
): JoinedSession {
  const wanted = readSessionKey(session);
  if (wanted === undefined || wanted.tenant === localTenant) {
    throw new AegisError("usage", `Cannot join session "${session}": it is not TENANT/ID`, {
      hint: 'in a tenant\'s name "/" is written %2F and "%" is written %25',
    });
  }
  const secret = knownServerSecret(aegisPaths(around.environment).keys);
  if (secret === undefined) throw refused(session, "no server of this user gave out tokens");
  const token = tokenOf(session, tokenFile, around);
  const grant = readSessionToken(token, secret, around.clock.nowUnixMs());
  if (typeof grant === "string") throw refused(session, problems[grant]);
  if (grant.tenant !== wanted.tenant || grant.session !== wanted.session) {
    throw refused(session, "the token is another session's");
  }
  return { ...wanted, origin: grant.origin };
}

function tokenOf(session: string, file: string | undefined, around: Surroundings): string {
  if (file === undefined) {
    const token = around.environment[sessionTokenVariable] ?? "";
    if (token !== "") return token;
    throw refused(session, `there is no token: ${sessionTokenVariable} is not set`);
  }
  const path = resolvePath(around.directory, file);
  try {
    const { size } = statSync(path);
    return size <= sessionTokenLengthMax ? readFileSync(path, "utf8").trim() : "";
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw refused(session, `the token in "${path}" cannot be read: ${why}`);
  }
}

function refused(session: string, why: string): AegisError {
  return new AegisError("launch/refused", `Cannot join session "${session}": ${why}`, {
    hint: "ask the server for one with POST /v1/sessions/ID/token",
  });
}
