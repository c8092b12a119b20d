// A program started with arguments and variables that are no text, through the helper: the engine
// hands over text alone. Nothing is confined. Whoever starts aegis chooses all of it.

import { bytesOfSpelling } from "../base/byte-text.ts";
import { AegisError } from "../base/errors.ts";
import type { AbsPath } from "../base/paths.ts";
import type { Helper } from "./helper.ts";
import { createMemfd, moveAside } from "./libc.ts";

export interface StartedProgram {
  readonly path: AbsPath;
  /** Its own name first; spelled as in base/byte-text.ts, as the variables are. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
}

/** @throws {AegisError} `launch/refused` for what spells no bytes */
export function encodeProgram({ path, command, environment }: StartedProgram): Uint8Array {
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, command.length, true);
  const texts = [
    ...[path, ...command].map((text) => bytesOf(text, "an argument")),
    ...Object.entries(environment).map(([name, value]) =>
      bytesOf(`${name}=${value}`, `the variable ${name}`),
    ),
  ];
  const end = Uint8Array.of(0);
  return Buffer.concat([count, ...texts.flatMap((bytes) => [bytes, end])]);
}

function bytesOf(text: string, name: string): Uint8Array {
  const bytes = bytesOfSpelling(text);
  if (bytes !== undefined) return bytes;
  throw new AegisError("launch/refused", `Cannot hand on ${name}: it has bytes that are no text`, {
    hint: "leave it out, or spell it in UTF-8",
  });
}

/** @throws {AegisError} `launch/refused`, `enforce/helper` */
export function startProgram(
  { libc, path: helper }: Helper,
  program: StartedProgram,
): Bun.Subprocess<"pipe", "pipe", "inherit"> {
  const created = createMemfd(libc, encodeProgram(program));
  if (created === undefined) {
    throw new AegisError("enforce/helper", "Cannot start the native helper: no memory file");
  }
  const fd = moveAside(libc, created);
  try {
    return Bun.spawn([helper, "start"], {
      argv0: "aegis-helper",
      cwd: program.directory,
      env: {},
      stdio: ["pipe", "pipe", "inherit", fd],
    });
  } finally {
    libc.close(fd);
  }
}
