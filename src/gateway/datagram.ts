// UDP and ICMP: the box gets a socket of the machine's own that can send to one checked address, so
// its packets do not pass the gateway and are neither counted nor read.

import type { Ip } from "../base/ip.ts";
import { type AskConnection, askTarget, type Waiting } from "./ask.ts";
import type { Target } from "./judge.ts";
import { type PermitContext, permit, shownIp } from "./permit.ts";
import type { Caller, Recorder } from "./record.ts";

export interface DatagramContext extends PermitContext {
  readonly recorder: Recorder;
  readonly ask: AskConnection | undefined;
}

const denied = 13;

export interface DatagramRequest {
  readonly target: Target;
  readonly caller: Caller;
  readonly waiting: Waiting;
  /** The caller's socket reaches no IPv6 address, and no other family is tried for it. */
  readonly takesIpv4Only: boolean;
}

/** Where the caller's socket may send to: bytes of the answer to the helper. */
export async function checkDatagram(
  context: DatagramContext,
  { target, caller, waiting, takesIpv4Only }: DatagramRequest,
): Promise<Uint8Array> {
  const ask = askTarget(context, caller, waiting);
  const permission = await permit(context, target, { ask, takesIpv4Only });
  const { judgement, ips, failure } = permission;
  const { host, port, protocol } = target;
  const subject = { action: "NetConnect", host: host.text, port, protocol, caller } as const;
  const details = { ...shownIp(target, permission), ...(failure && { error: failure.error }) };
  await context.recorder.record({ ...subject, flags: "connect" }, judgement, details);
  const [ip] = ips;
  if (!judgement.isAllowed || ip === undefined) return Uint8Array.of(failure?.errno ?? denied);
  return granted(ip, port);
}

/** 0, family, 16 bytes of address, port in little endian. */
function granted({ family, bytes }: Ip, port: number): Uint8Array {
  const answer = new Uint8Array(20);
  answer[1] = family;
  answer.set(bytes, 2);
  answer[18] = port & 0xff;
  answer[19] = port >> 8;
  return answer;
}
