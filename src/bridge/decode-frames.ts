// The helper's frames from bytes that arrive in pieces of any size. The helper is ours, but it
// reports what a hostile box does: lengths are checked against the frame they stand in, and
// anything unknown ends the run. No I/O.

import { textWithin } from "../base/byte-text.ts";
import { AegisError } from "../base/errors.ts";
import type { Protocol } from "../model/capability.ts";
import { limitNames } from "../model/limits.ts";
import { askAnswers } from "./ask-channel.ts";
import { judgedActions } from "./encode-plan.ts";
import {
  type AccessFrame,
  type Frame,
  type LimitFrame,
  noPingRule,
  noSocketRule,
  type RefusedFrame,
  setIdRule,
  severalNamesRule,
} from "./frame.ts";

export interface FrameDecoder {
  /**
   * The frames that are complete with `bytes`. @throws {AegisError} `enforce/helper` on anything
   * that is no frame
   */
  push(bytes: Uint8Array): Frame[];
  /** @throws {AegisError} `enforce/helper` when the stream ended inside a frame */
  end(): void;
}

/** Two paths of 64 KiB are the most a frame can hold. */
const frameSizeMax = 140_000;
const headerSize = 8;
/** In place of a rule's number. */
const noRule = 0xffffffff;
/** The same: a person was asked, and the number of the answer is added. */
const askedRules = 0xffffff00;
const builtInRules: ReadonlySet<number> = new Set([
  severalNamesRule,
  noSocketRule,
  noPingRule,
  setIdRule,
]);

export function createFrameDecoder(): FrameDecoder {
  const programs = new Map<number, string>();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    push(bytes) {
      const data = rest.length === 0 ? bytes : concat(rest, bytes);
      const reader = new Reader(data);
      const frames: Frame[] = [];
      let at = 0;
      while (data.length - at >= headerSize) {
        const size = reader.sizeAt(at);
        if (size < headerSize || size > frameSizeMax) throw malformed(`a size of ${size}`);
        if (data.length - at < size) break;
        const frame = readFrame(reader.enter(at, size), programs);
        if (frame !== undefined) frames.push(frame);
        at += size;
      }
      rest = data.slice(at);
      return frames;
    },
    end() {
      if (rest.length > 0) throw malformed("an end in the middle of one");
    },
  };
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

/** Undefined for a frame that only names a program. */
function readFrame(reader: Reader, programs: Map<number, string>): Frame | undefined {
  const kind = reader.u16();
  reader.u16();
  const frame = readPayload(kind, reader, programs);
  reader.leave();
  return frame;
}

function readPayload(
  kind: number,
  reader: Reader,
  programs: Map<number, string>,
): Frame | undefined {
  switch (kind) {
    case 1:
      return { kind: "started", pid: reader.u32(), landlockAbi: reader.u32() };
    case 2:
      programs.set(reader.u32(), reader.str());
      return undefined;
    case 3:
      return readAccess(reader, programs);
    case 4: {
      const status = reader.u32();
      const signal = reader.u32();
      return {
        kind: "exited",
        status,
        signal: signal === 0 ? undefined : signal,
        userMs: reader.u64() / 1000,
        systemMs: reader.u64() / 1000,
        maxRssBytes: reader.u64(),
      };
    }
    case 5: {
      const errno = reader.u32();
      return { kind: "failed", errno, step: reader.str(), message: reader.str() };
    }
    case 16:
      return readLimit(reader);
    case 17:
      return readRefused(reader, programs);
    default:
      throw malformed(`the unknown kind ${kind}`);
  }
}

function readLimit(reader: Reader): LimitFrame {
  const tsUnixMs = reader.u64();
  const limit = limitNames[reader.u16() - 1];
  const effect = reader.u16() === 2 ? "ended" : "refused";
  const pid = reader.u32();
  const value = reader.u64();
  const seen = reader.u64();
  const exe = reader.str();
  if (limit === undefined) throw malformed("an unknown limit");
  const blamed = pid === 0 ? undefined : pid;
  return { kind: "limit", tsUnixMs, limit, effect, pid: blamed, value, seen, exe };
}

function readRefused(reader: Reader, programs: ReadonlyMap<number, string>): RefusedFrame {
  const tsUnixMs = reader.u64();
  const pid = reader.u32();
  const exe = nameOf(reader.u32(), programs);
  const syscall = reader.u16();
  return {
    ...{ kind: "refused", tsUnixMs, pid, exe, syscall },
    arguments: [reader.word(), reader.word()],
  };
}

function nameOf(program: number, programs: ReadonlyMap<number, string>): string {
  const exe = program === 0 ? "" : programs.get(program);
  if (exe === undefined) throw malformed(`program ${program} without its name`);
  return exe;
}

function readAccess(reader: Reader, programs: ReadonlyMap<number, string>): AccessFrame {
  const tsUnixMs = reader.u64();
  const pid = reader.u32();
  const rule = reader.u32();
  const exe = nameOf(reader.u32(), programs);
  const flags = reader.u32();
  const syscall = reader.u16();
  const action = judgedActions[reader.u8()];
  const allowed = reader.u8() === 1;
  const port = reader.u16();
  const hasPort = reader.u8() === 1;
  const protocol = protocolNumbers.get(reader.u8());
  const path = reader.str();
  const requested = reader.str();
  const digest = reader.left() === 0 ? undefined : reader.bytes(32);
  const asked = rule >= askedRules && rule !== noRule ? askAnswers[rule - askedRules] : undefined;
  if (action === undefined) throw malformed("an unknown action");
  const frame: AccessFrame = {
    kind: "access",
    tsUnixMs,
    pid,
    action,
    allowed,
    rule: rule < askedRules || builtInRules.has(rule) ? rule : undefined,
    syscall,
    flags,
    path,
    requested: requested === "" ? undefined : requested,
    exe,
    port: hasPort ? port : undefined,
  };
  if (asked === undefined && protocol === undefined && digest === undefined) return frame;
  return {
    ...frame,
    ...(asked === undefined ? {} : { asked }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(digest === undefined ? {} : { sha256: Buffer.from(digest).toString("hex") }),
  };
}

/** IPPROTO_* of what policies name. */
const protocolNumbers: ReadonlyMap<number, Protocol> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
]);

/** Reads one frame at a time out of a piece of the stream. */
class Reader {
  readonly #data: Buffer;
  readonly #view: DataView;
  #at = 0;
  #end = 0;

  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  sizeAt(at: number): number {
    return this.#view.getUint32(at, true);
  }

  enter(at: number, size: number): Reader {
    this.#at = at + 4;
    this.#end = at + size;
    return this;
  }

  leave(): void {
    if (this.#at !== this.#end) throw malformed("bytes behind its payload");
  }

  /** Bytes of the frame that are not read yet. */
  left(): number {
    return this.#end - this.#at;
  }

  bytes(size: number): Uint8Array {
    const at = this.#take(size);
    return this.#data.subarray(at, at + size);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Times and sizes stay far below 2^53. */
  u64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 0x1_0000_0000;
  }

  /** Any 64 bits. */
  word(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  str(): string {
    const size = this.u16();
    const at = this.#take(size);
    return size === 0 ? "" : textWithin(this.#data, at, at + size);
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) throw malformed("a payload cut short");
    this.#at = at + size;
    return at;
  }
}

function malformed(what: string): AegisError {
  return new AegisError("enforce/helper", `Cannot read a frame of the helper: it has ${what}`);
}
