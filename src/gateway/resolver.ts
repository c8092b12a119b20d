// The resolver of the box. It answers only names a rule could allow, each with the address that
// stands for it, and asks nobody: a question tells no other machine anything. Questions come from
// the watched program; who it is was said when the helper announced its port.

import { parseHost } from "./host.ts";
import type { Judge } from "./judge.ts";
import type { Names } from "./names.ts";
import { type DnsQuestion, dnsCode, dnsType, encodeReply, parseQuestion } from "./protocol/dns.ts";
import type { Caller, Judgement, Recorder } from "./record.ts";

export interface Resolver {
  /** The answer to one message; undefined when it deserves none. */
  answer(message: Uint8Array, caller: Caller): Promise<Uint8Array | undefined>;
}

const typeNames = new Map<number, string>([
  [dnsType.a, "A"],
  [dnsType.aaaa, "AAAA"],
  [2, "NS"],
  [5, "CNAME"],
  [12, "PTR"],
  [15, "MX"],
  [16, "TXT"],
  [33, "SRV"],
  [64, "SVCB"],
  [65, "HTTPS"],
]);

export function createResolver(judge: Judge, names: Names, recorder: Recorder): Resolver {
  async function deny(
    question: Pick<DnsQuestion, "type"> | undefined,
    caller: Caller,
    host: string,
    judgement: Judgement,
  ): Promise<void> {
    const flags = question === undefined ? "dns" : `dns ${nameOfType(question.type)}`;
    const subject = {
      action: "NetConnect",
      host,
      port: 53,
      protocol: "dns",
      caller,
      flags,
    } as const;
    await recorder.record(subject, { ...judgement, isAllowed: false });
  }

  return {
    async answer(message, caller) {
      const parsed = parseQuestion(message);
      if (parsed.kind === "ignored") return undefined;
      if (parsed.kind === "refused") {
        await deny(undefined, caller, unknownName, { ...unnamed, reason: "this is no question" });
        return parsed.reply;
      }
      const { question } = parsed;
      if (!question.isInternet) {
        const reason = "this is about another class than the internet's";
        await deny(question, caller, question.name ?? unknownName, { ...unnamed, reason });
        return encodeReply(question, dnsCode.unsupported, undefined);
      }
      const host = question.name === undefined ? undefined : parseHost(question.name);
      if (host === undefined || host.ip !== undefined) {
        const reason = "this is not a host name";
        await deny(question, caller, question.name ?? unknownName, { ...unnamed, reason });
        return encodeReply(question, dnsCode.unknown, undefined);
      }
      if (host.text === "localhost") return encodeReply(question, dnsCode.ok, local(question.type));
      const judgement = judge.couldReach(host.text);
      if (!judgement.isAllowed) {
        await deny(question, caller, host.text, judgement);
        return encodeReply(question, dnsCode.unknown, undefined);
      }
      if (question.type !== dnsType.a) return encodeReply(question, dnsCode.ok, undefined);
      const address = names.addressFor(host.text);
      if (address !== undefined) return encodeReply(question, dnsCode.ok, address.bytes);
      const reason = "all addresses that stand for names are taken";
      await deny(question, caller, host.text, { ...unnamed, reason });
      return encodeReply(question, dnsCode.failure, undefined);
    },
  };
}

const unknownName = "?";
/** No rule was the reason. */
const unnamed = { isAllowed: false, rule: "" };

function nameOfType(type: number): string {
  return typeNames.get(type) ?? `TYPE${type}`;
}

/** RFC 6761: nobody else is asked about it. */
function local(type: number): readonly number[] | undefined {
  if (type === dnsType.a) return [127, 0, 0, 1];
  if (type !== dnsType.aaaa) return undefined;
  return [...new Array<number>(15).fill(0), 1];
}
