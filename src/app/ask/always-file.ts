// `always` of a question: a permit added to the one policy file of the launch. The box may write in
// the folder around that file, so nothing is made beside it and renamed: the file itself, which the
// box cannot touch, is opened by its real path and takes one write at its end.

import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  writeSync,
} from "node:fs";
import { policySizeMaxBytes } from "../../base/limits.ts";
import type { AskedPeer, Question } from "../../enforce/backend.ts";
import type { Atom } from "../../model/capability.ts";
import { printCapability, quote } from "../../policy/cedar/print.ts";
import type { AlwaysFile } from "../../supervise/asking.ts";
import type { PolicyTexts } from "../policy/texts.ts";

/** Undefined when there is not exactly one Cedar file, or it cannot be written. */
export function alwaysFile({ files }: PolicyTexts, agent: string): AlwaysFile | undefined {
  const [source] = files;
  if (source === undefined || files.length !== 1) return undefined;
  try {
    const path = realpathSync(source.name);
    const { dev, ino } = statSync(path);
    accessSync(path, constants.W_OK);
    return { path, write: (question) => append(path, { dev, ino }, lineFor(question, agent)) };
  } catch {
    // ignored: a file that cannot be written is none to offer
    return undefined;
  }
}

/** One policy, named so that rows of later sessions say where it comes from. */
export function lineFor({ actions, path, connection }: Question, agent: string): string {
  const permit = printCapability({
    effect: "permit",
    actions: connection?.protocol === "tcp" ? ["NetConnect", "NetRequest"] : actions,
    agent,
    where:
      connection === undefined
        ? [{ kind: "path-equals", path, negated: false }]
        : peerAtoms(connection),
    origin: { rule: "", source: "", line: 0, column: 0 },
  });
  const id = `asked ${Bun.hash(`${agent}\0${actions.join(" ")}\0${path}`).toString(16)}`;
  return `@id(${quote(id)})\n${permit}\n`;
}

function peerAtoms({ host, port, protocol }: AskedPeer): readonly Atom[] {
  const ports: readonly Atom[] =
    protocol === "icmp" ? [] : [{ kind: "port", op: "==", port, negated: false }];
  return [
    { kind: "host-equals", host, negated: false },
    ...ports,
    { kind: "protocol", protocol, negated: false },
  ];
}

function append(
  path: string,
  known: { readonly dev: number; readonly ino: number },
  line: string,
): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW);
  try {
    const { dev, ino, size } = fstatSync(fd);
    if (dev !== known.dev || ino !== known.ino)
      throw new Error(`"${path}" has been replaced since the launch`);
    const text = readFileSync(fd, "utf8");
    if (text.includes(line)) {
      // Another launch may have added it a moment ago.
      fsyncSync(fd);
      return;
    }
    const added = Buffer.from(`${text === "" || text.endsWith("\n") ? "" : "\n"}${line}`);
    if (size + added.length > policySizeMaxBytes) throw new Error(`"${path}" is full`);
    const written = writeSync(fd, added);
    try {
      if (written !== added.length) throw new Error(`"${path}" took only a part of the line`);
      fsyncSync(fd);
    } catch (error) {
      takeBack(fd, size, written);
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * A part of a line would keep every later launch from reading the file; and a whole one whose flush
 * failed would be found and believed the next time, though it may never get to the disk.
 */
function takeBack(fd: number, size: number, written: number): void {
  // Else somebody has added to it since, and the line is not at its end.
  if (fstatSync(fd).size !== size + written) return;
  ftruncateSync(fd, size);
}
