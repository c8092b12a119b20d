// Approvals that nothing can come of any more are removed from beside the events, after a while;
// the events about them stay. Each is kept until the clock alone refuses it, so that neither its
// token nor an older text of its record is worth anything afterwards.

import { isDone } from "../../control/approvals/router.ts";
import {
  type ApprovalStore,
  approvalPages,
  type KeptApproval,
  removeApproval,
} from "./approval-requests.ts";
import type { ServeNotice } from "./tool-policy.ts";

const dayMs = 24 * 3600 * 1000;
const sweepEveryMs = 3600 * 1000;

type Kept = Pick<ApprovalStore, "log" | "secret" | "nowMs">;

export interface Retention {
  /** Resolves when nothing is removed any more. */
  stop(): Promise<void>;
}

/** Looks for them at once, and every hour. */
export function startRetention(
  parts: Kept,
  keptDays: number,
  notify: (notice: ServeNotice) => void,
): Retention {
  let isStopped = false;
  const sweep = async (): Promise<void> => {
    try {
      await removeDoneApprovals(parts, keptDays * dayMs, () => isStopped);
    } catch (failure) {
      const why = failure instanceof Error ? failure.message : String(failure);
      notify({ level: "warn", message: `old approvals are not removed: ${why}` });
    }
  };
  let running = sweep();
  const timer = setInterval(() => {
    running = running.then(sweep);
  }, sweepEveryMs);
  timer.unref();
  return {
    async stop() {
      isStopped = true;
      clearInterval(timer);
      await running;
    },
  };
}

/** @returns how many */
export async function removeDoneApprovals(
  parts: Kept,
  keptMs: number,
  isStopped: () => boolean = () => false,
): Promise<number> {
  let count = 0;
  const isOver = ({ approval }: KeptApproval) => isDone(approval, parts.nowMs(), keptMs);
  for await (const page of approvalPages(parts, "")) {
    for (const kept of page.filter(isOver)) {
      if (isStopped()) return count;
      if (await removeApproval(parts, kept)) count += 1;
    }
  }
  return count;
}
