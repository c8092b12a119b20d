// A span for each call that records, asks or decides. Routes say what it was about; that it was
// answered, and with which status, is said here.

import type { JsonTree } from "../base/json-text.ts";
import { plainIn, type SpelledJson } from "../base/spelled-json.ts";
import { describeEvent, toolAttributes } from "../control/telemetry/describe.ts";
import { noTelemetry, type Telemetry, type TelemetrySpan } from "../control/telemetry/span.ts";
import type { JsonValue } from "../model/event.ts";
import { isObject } from "../model/json-object.ts";
import type { Route } from "./http.ts";

/** Reads have no spans: they are many and say nothing about an agent. */
export function traced(telemetry: Telemetry, routes: readonly Route[]): readonly Route[] {
  if (telemetry === noTelemetry) return routes;
  return routes.map((route) => tracedRoute(telemetry, route));
}

function tracedRoute(telemetry: Telemetry, route: Route): Route {
  const { method, path } = route.operation;
  if (method !== "POST" || !path.startsWith("/v1/")) return route;
  return {
    ...route,
    async handle(call) {
      const span = telemetry.start({
        name: `${method} ${path}`,
        kind: "server",
        parent: call.headers.get("traceparent"),
        state: call.headers.get("tracestate"),
        attributes: { "http.request.method": method, "http.route": path },
      });
      try {
        const response = await route.handle({ ...call, span });
        span.set({ "http.response.status_code": response.status });
        span.end(response.status >= 400 ? String(response.status) : undefined);
        return response;
      } catch (error) {
        const { status, code } = refusalIn(error);
        span.set({ "http.response.status_code": status });
        span.end(code);
        throw error;
      }
    },
  };
}

function refusalIn(error: unknown): { readonly status: number; readonly code: string } {
  if (typeof error !== "object" || error === null) return { status: 500, code: "internal" };
  const { status, code } = error as { readonly status?: unknown; readonly code?: unknown };
  return {
    status: typeof status === "number" ? status : 500,
    code: typeof code === "string" ? code : "internal",
  };
}

export interface SpokenEvent {
  readonly tenant: string;
  readonly session: string;
  readonly type: string;
  /** As it was spelled. */
  readonly payload: JsonTree | SpelledJson;
}

/** @param stored where it stands, once it is stored */
export function describeOn(
  span: TelemetrySpan | undefined,
  event: SpokenEvent,
  stored: { readonly seq?: number; readonly hash?: string } = {},
): void {
  if (span === undefined) return;
  const payload = plainOrNull(event.payload);
  const { name, attributes } = describeEvent({ type: event.type, payload });
  span.of(event);
  span.rename(name);
  span.set(attributes);
  span.set({ "aegis.event.seq": stored.seq, "aegis.event.hash": stored.hash });
  if (isObject(payload)) span.payload(payload);
}

interface Answered {
  readonly kind: string;
  readonly seq?: number;
  readonly hash?: string;
  /** Why it was refused. */
  readonly code?: string;
}

/** A span for each event of a batch, and for the batch itself the session where it is but one. */
export function describeBatchOn(
  span: TelemetrySpan | undefined,
  events: readonly SpokenEvent[],
  outcomes: readonly Answered[],
): void {
  if (span === undefined) return;
  span.set({ "aegis.batch.size": outcomes.length });
  const [first] = events;
  if (first === undefined) return;
  const { tenant, session } = first;
  if (events.every((one) => one.session === session && one.tenant === tenant)) span.of(first);
  for (const [at, event] of events.entries()) {
    const outcome = outcomes[at];
    const part = span.part(event);
    describeOn(part, event, outcome?.kind === "refused" ? {} : outcome);
    part.end(outcome?.code);
  }
}

function plainOrNull(payload: SpokenEvent["payload"]): JsonValue {
  try {
    return plainIn(payload);
  } catch {
    // ignored: a number that JavaScript has not; the event keeps it, its span does without
    return null;
  }
}

export interface SpokenDecision {
  /** Undefined: the caller's own snapshot was asked about. */
  readonly session: { readonly tenant: string; readonly id: string } | undefined;
  readonly call: { readonly tool_name?: string; readonly call_id?: string };
  readonly decision: { readonly outcome: string; readonly reason: string };
}

export function describeDecisionOn(
  span: TelemetrySpan | undefined,
  { session, call, decision }: SpokenDecision,
): void {
  if (span === undefined) return;
  if (session !== undefined) span.of({ tenant: session.tenant, session: session.id });
  const { tool_name: tool, call_id: id } = call;
  span.rename(tool === undefined ? "decide" : `decide ${tool}`);
  span.set({
    ...toolAttributes(tool, id),
    "aegis.policy.outcome": decision.outcome,
    "aegis.policy.reason": decision.reason,
  });
}
