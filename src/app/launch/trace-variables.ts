// The trace a box belongs to, as variables: a child of the one aegis was started in, or where
// telemetry is on one of its own. Only loaded where there is one. What comes in is somebody's text.

import { randomSecret } from "../../base/ids.ts";
import {
  formatTraceparent,
  parseTraceparent,
  sessionTraceId,
  validTracestate,
} from "../../control/telemetry/trace-context.ts";
import type { EnvironmentGrant } from "../../supervise/environment.ts";

type Variables = Readonly<Record<string, string | undefined>>;

export interface TraceVariables {
  /** The parent's, without those that must not go on as they are. */
  readonly parent: Variables;
  /** What the box gets instead. */
  readonly own: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
}

const names = ["TRACEPARENT", "TRACESTATE", "BAGGAGE"] as const;

/** @param joined `TENANT/ID` of the session the box records into */
export function traceVariables(
  environment: Variables,
  grants: readonly EnvironmentGrant[],
  joined: string | undefined,
): TraceVariables {
  const known = parseTraceparent(environment.TRACEPARENT);
  const spanId = randomSecret(8).toHex();
  const own: Record<string, string> = {};
  if (known !== undefined) {
    own.TRACEPARENT = formatTraceparent({ ...known, spanId });
    const state = validTracestate(environment.TRACESTATE);
    if (state !== undefined) own.TRACESTATE = state;
  } else if (sendsTraces(environment)) {
    const traceId = traceIdOf(joined) ?? randomSecret(16).toHex();
    own.TRACEPARENT = formatTraceparent({ traceId, spanId, isSampled: true });
  }
  const isGranted = (name: string): boolean => grants.some((grant) => grant.name === name);
  const withheld = names.filter((name) => environment[name] !== undefined && !isGranted(name));
  return {
    parent: { ...environment, ...Object.fromEntries(withheld.map((name) => [name, undefined])) },
    own,
    removed: withheld.filter((name) => own[name] === undefined),
  };
}

/** The one that the control plane has for that session. */
function traceIdOf(joined: string | undefined): string | undefined {
  const [, tenant, session] = /^([^/]+)\/(.+)$/.exec(joined ?? "") ?? [];
  return tenant && session ? sessionTraceId({ tenant, session }) : undefined;
}

function sendsTraces(environment: Variables): boolean {
  const endpoint =
    environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || environment.OTEL_EXPORTER_OTLP_ENDPOINT;
  const isOff = environment.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true";
  return (endpoint ?? "") !== "" && environment.OTEL_TRACES_EXPORTER !== "none" && !isOff;
}
