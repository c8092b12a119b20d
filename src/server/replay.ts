// A recorded session once more: GET and POST /v1/sessions/{id}/replay.

import type { Decide } from "../control/decide/decision.ts";
import { decisionReplay, type LiveReplay } from "../control/replay/decisions.ts";
import { type DiffReport, exactReplay, type Replay } from "../control/replay/replay.ts";
import { budgetsOf } from "../control/state/budgets.ts";
import type { ControlLog } from "../ledger/control/contract.ts";
import type { JsonValue } from "../model/event.ts";
import { getReplay, postReplay } from "./api/replay.ts";
import { type Route, refusePurged, reply, route } from "./http.ts";
import type { StepRecorder } from "./steps.ts";

export interface ReplayParts {
  readonly log: ControlLog;
  readonly steps: StepRecorder;
  readonly decide: Decide;
  readonly manifest: JsonValue;
}

interface Wish {
  readonly tenant: string;
  readonly session: string;
  readonly mode: DiffReport["mode"];
  readonly manifest: JsonValue;
}

export function replayRoutes(parts: ReplayParts): readonly Route[] {
  return [
    route(getReplay, async ({ params, query }) => {
      const { tenant_id: tenant, mode } = query;
      const { manifest } = parts;
      return answer(parts, { tenant, session: params.id, mode, manifest });
    }),
    route(postReplay, async ({ params, body }) => {
      const { tenant_id: tenant, mode } = body;
      // It was read as JSON, so its members are.
      const manifest = (body.manifest as JsonValue | undefined) ?? parts.manifest;
      return answer(parts, { tenant, session: params.id, mode, manifest });
    }),
  ];
}

async function answer(parts: ReplayParts, wish: Wish): Promise<Response> {
  const { tenant, session, mode, manifest } = wish;
  // What is stored from here on is not part of what is replayed.
  const known = await parts.log.session(tenant, session);
  refusePurged(known);
  const count = known?.eventCount ?? 0;
  const replay =
    mode === "exact"
      ? exactReplay(session, await parts.steps.recorded(tenant, session))
      : decisionReplay(
          session,
          (event, snapshot) => parts.decide({ event, snapshot, manifest }),
          budgetsOf(manifest),
        );
  await feed(parts.log, wish, count, replay);
  const report = replay.report();
  return reply(200, { ...report, diffs: report.diffs.map((diff) => ({ ...diff })) });
}

const pageSize = 1000;

async function feed(
  log: ControlLog,
  { tenant, session }: Wish,
  count: number,
  replay: Replay | LiveReplay,
): Promise<void> {
  const first = count === 0 ? undefined : await log.event(tenant, session, 0);
  for (let after = (first?.index ?? 0) - 1; first !== undefined; ) {
    const page = await log.events({ tenant, session, after, limit: pageSize });
    for (const { seq, tsUnixMs, type, payload, spelled, index } of page) {
      const event = { seq, tsUnixMs, type, payload, spelled };
      if (seq >= count || !(await replay.step(event))) return;
      after = index;
    }
    if (page.length === 0) return;
  }
}
