// W3C trace context as text: what comes in is anybody's and is believed only in its one exact form.
// Nothing of OpenTelemetry is loaded here, because every launch of a box passes by.

import { sha256Hex } from "../../base/hash.ts";
import { ownText } from "../../base/own-text.ts";

export interface TraceParent {
  /** 32 hex digits, not all 0. */
  readonly traceId: string;
  /** 16 hex digits, not all 0. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for anything but a `traceparent` that its specification lets a program go on with. */
export function parseTraceparent(text: string | null | undefined): TraceParent | undefined {
  if (text === null || text === undefined || text.length > 512) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", more] = form.exec(text) ?? [];
  if (version === "" || version === "ff" || (version === "00" && more !== undefined))
    return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, isSampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

const tracestateMember = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}$/;

/** As it may be sent on; undefined where it is not in its specified form. */
export function validTracestate(text: string | null | undefined): string | undefined {
  if (text === null || text === undefined || text.length > 512) return undefined;
  const members = text.split(",").map((member) => member.trim());
  const isValid = members.length <= 32 && members.every((one) => tracestateMember.test(one));
  return isValid ? members.join(",") : undefined;
}

/** Of spans without a parent: whoever knows the session finds its trace. */
export function sessionTraceId(named: {
  readonly tenant: string;
  readonly session: string;
}): string {
  return sha256Hex(JSON.stringify([named.tenant, named.session])).slice(0, 32);
}

const knownSessionsMax = 1000;
const knownNameMaxLength = 64;

/** The same for whoever asks for each event: of the sessions met last it is not made again. */
export function createSessionTraceIds(): typeof sessionTraceId {
  /** By the name of the session; of those that share one, the last. */
  const known = new Map<string, { readonly tenant: string; readonly traceId: string }>();
  return ({ tenant, session }) => {
    const found = known.get(session);
    if (found?.tenant === tenant) return found.traceId;
    const traceId = sessionTraceId({ tenant, session });
    if (Math.max(tenant.length, session.length) > knownNameMaxLength) return traceId;
    if (known.size >= knownSessionsMax) known.clear();
    known.set(ownText(session), { tenant: ownText(tenant), traceId: ownText(traceId) });
    return traceId;
  };
}
