// Every operation, in the order of the document. The order is also that in which their examples are
// run: what one shows may have been stored by another before.

import { askApproval, decideApproval, getApproval, listApprovals } from "./approvals.ts";
import { decide } from "./decide.ts";
import { listEvents, postBatch, postEvent, tailEvents } from "./events.ts";
import { getManifest, showManifest, validateManifest } from "./manifests.ts";
import type { Operation } from "./operation.ts";
import { getReplay, postReplay } from "./replay.ts";
import { docsPage, health, metrics, openApi, ready } from "./service.ts";
import { getSession, getSnapshot, listSessions, mintToken, verifySession } from "./sessions.ts";

export const operations: readonly Operation[] = [
  postEvent,
  postBatch,
  listEvents,
  tailEvents,
  listSessions,
  getSession,
  getSnapshot,
  verifySession,
  getReplay,
  postReplay,
  mintToken,
  decide,
  getManifest,
  validateManifest,
  showManifest,
  askApproval,
  listApprovals,
  getApproval,
  decideApproval,
  health,
  ready,
  metrics,
  openApi,
  docsPage,
];
