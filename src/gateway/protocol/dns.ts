// DNS messages: one question in, at most one address out. Strict and bounded, because the bytes
// come from the watched program. Nothing is forwarded to another resolver from here.

import { dnsMessageMaxBytes } from "../../base/limits.ts";

export interface DnsQuestion {
  readonly id: number;
  /** Lower case, without a dot at the end; undefined when the labels make no host name. */
  readonly name: string | undefined;
  readonly type: number;
  readonly isInternet: boolean;
  readonly wantsRecursion: boolean;
  readonly hasEdns: boolean;
  /** The question as it was asked: letters keep their case in the answer. */
  readonly section: Uint8Array;
}

export type DnsParse =
  | { readonly kind: "question"; readonly question: DnsQuestion }
  /** Not worth an answer: too short, or itself an answer. */
  | { readonly kind: "ignored" }
  /** Answered with an error that repeats the id. */
  | { readonly kind: "refused"; readonly reply: Uint8Array };

export const dnsType = { a: 1, aaaa: 28, opt: 41 } as const;
export const dnsCode = { ok: 0, format: 1, failure: 2, unknown: 3, unsupported: 4 } as const;

const headerSize = 12;
const nameMaxBytes = 255;
/** A name of 255 bytes has at most 127 labels; more jumps than that are a loop. */
const jumpsMax = 16;
const answerSeconds = 60;
const ednsSizeBytes = 1232;

export function parseQuestion(message: Uint8Array): DnsParse {
  if (message.length < headerSize || message.length > dnsMessageMaxBytes)
    return { kind: "ignored" };
  const view = viewOf(message);
  const id = view.getUint16(0);
  const flags = view.getUint16(2);
  if ((flags & 0x8000) !== 0) return { kind: "ignored" };
  if ((flags & 0x7800) !== 0) return refusal(id, dnsCode.unsupported);
  const counts = [4, 6, 8, 10].map((at) => view.getUint16(at));
  const [questions, answers, authorities, additional = 0] = counts;
  if (questions !== 1 || answers !== 0 || authorities !== 0 || additional > 2)
    return refusal(id, dnsCode.format);
  const name = readName(message, headerSize);
  if (name === undefined || name.end + 4 > message.length) return refusal(id, dnsCode.format);
  const end = name.end + 4;
  const extra = readAdditional(message, end, additional);
  if (extra === undefined) return refusal(id, dnsCode.format);
  const section = Uint8Array.from([...name.wire, ...message.subarray(name.end, end)]);
  const question: DnsQuestion = {
    id,
    name: nameText(name.labels),
    type: view.getUint16(name.end),
    isInternet: view.getUint16(name.end + 2) === 1,
    wantsRecursion: (flags & 0x0100) !== 0,
    hasEdns: extra.hasEdns,
    section,
  };
  return { kind: "question", question };
}

/** An answer with the address, or without one. */
export function encodeReply(
  question: DnsQuestion,
  code: number,
  address: readonly number[] | undefined,
): Uint8Array {
  const answer =
    address === undefined
      ? []
      : [0xc0, headerSize, 0, address.length === 4 ? dnsType.a : dnsType.aaaa, 0, 1].concat(
          [0, 0, 0, answerSeconds, 0, address.length],
          [...address],
        );
  const edns = question.hasEdns
    ? [0, 0, dnsType.opt, ednsSizeBytes >> 8, ednsSizeBytes & 0xff, 0, 0, 0, 0, 0, 0]
    : [];
  const header = headerOf(question.id, code, question.wantsRecursion, {
    questions: 1,
    answers: address === undefined ? 0 : 1,
    additional: question.hasEdns ? 1 : 0,
  });
  return Uint8Array.from([...header, ...question.section, ...answer, ...edns]);
}

function refusal(id: number, code: number): DnsParse {
  const none = { questions: 0, answers: 0, additional: 0 };
  return { kind: "refused", reply: Uint8Array.from(headerOf(id, code, false, none)) };
}

interface Counts {
  readonly questions: number;
  readonly answers: number;
  readonly additional: number;
}

/** An answer that needs no other resolver: recursion is available, whatever that means here. */
function headerOf(id: number, code: number, wantsRecursion: boolean, counts: Counts): number[] {
  const flags = 0x8080 | (wantsRecursion ? 0x0100 : 0) | code;
  const { questions, answers, additional } = counts;
  return [id, flags, questions, answers, 0, additional].flatMap((word) => [word >> 8, word & 0xff]);
}

interface WireName {
  readonly labels: readonly Uint8Array[];
  /** The name without jumps. */
  readonly wire: readonly number[];
  /** Offset of what follows it in the message. */
  readonly end: number;
}

/** Follows pointers, which only ever lead back; undefined when the name is no name. */
function readName(message: Uint8Array, start: number): WireName | undefined {
  const labels: Uint8Array[] = [];
  const wire: number[] = [];
  let at = start;
  let end: number | undefined;
  let jumps = 0;
  for (;;) {
    const size = message[at];
    if (size === undefined) return undefined;
    if ((size & 0xc0) === 0xc0) {
      const low = message[at + 1];
      if (low === undefined) return undefined;
      const target = ((size & 0x3f) << 8) | low;
      end ??= at + 2;
      jumps += 1;
      if (target >= at || target < headerSize || jumps > jumpsMax) return undefined;
      at = target;
      continue;
    }
    if ((size & 0xc0) !== 0 || at + 1 + size > message.length) return undefined;
    wire.push(...message.subarray(at, at + 1 + size));
    if (wire.length > nameMaxBytes) return undefined;
    if (size === 0) return { labels, wire, end: end ?? at + 1 };
    labels.push(message.subarray(at + 1, at + 1 + size));
    at += 1 + size;
  }
}

/** Skips the records after the question; the message must end with them. */
function readAdditional(
  message: Uint8Array,
  start: number,
  count: number,
): { readonly hasEdns: boolean } | undefined {
  const view = viewOf(message);
  let hasEdns = false;
  let at = start;
  for (let index = 0; index < count; index += 1) {
    const name = readName(message, at);
    if (name === undefined || name.end + 10 > message.length) return undefined;
    if (view.getUint16(name.end) === dnsType.opt) {
      if (hasEdns || name.labels.length > 0) return undefined;
      hasEdns = true;
    }
    at = name.end + 10 + view.getUint16(name.end + 8);
    if (at > message.length) return undefined;
  }
  return at === message.length ? { hasEdns } : undefined;
}

function nameText(labels: readonly Uint8Array[]): string | undefined {
  const texts = labels.map((label) => String.fromCharCode(...label).toLowerCase());
  if (texts.some((text) => !/^[a-z0-9_-]+$/.test(text))) return undefined;
  return texts.length === 0 ? undefined : texts.join(".");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
