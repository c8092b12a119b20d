// What happened to the names below a directory, as far as a system that is asked afterwards can
// tell: no reads, no process, and changes of anybody who works there at the same time.

import type { Action } from "../model/capability.ts";
import type { ObservedAccess } from "./access.ts";

export interface FileChange {
  readonly kind: "created" | "modified" | "deleted";
  /** Links count as files: they are never followed. */
  readonly isDirectory: boolean;
  /** Absolute, below the observed directory. */
  readonly path: string;
  /** When it was noticed. */
  readonly tsUnixMs: number;
  readonly source: "fsevents" | "snapshot";
}

/** Observes one directory from the moment it is made until `close()`. */
export interface Observer {
  /** For one reader. Ends after `close()`, with every change made before that call delivered. */
  readonly events: AsyncIterable<FileChange>;
  close(): Promise<void>;
}

export function changeAccess(change: FileChange): ObservedAccess {
  const { path, tsUnixMs, source } = change;
  return {
    tsUnixMs,
    payload: {
      action: changeAction(change),
      path,
      decision: "allow",
      rule: "",
      reason: "seen after it happened, by whichever process",
      pid: 0,
      exe: "",
      flags: `${source} ${change.kind}`,
      count: 1,
    },
  };
}

function changeAction({ kind, isDirectory }: FileChange): Action {
  if (kind === "deleted") return "FileDelete";
  return kind === "created" && isDirectory ? "DirCreate" : "FileWrite";
}

/** Changes on their way to the one reader. */
export class ChangeQueue implements AsyncIterable<FileChange> {
  #waiting: FileChange[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;

  push(changes: readonly FileChange[]): void {
    this.#waiting.push(...changes);
    this.#wake.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FileChange> {
    for (;;) {
      const batch = this.#waiting;
      this.#waiting = [];
      yield* batch;
      if (this.#waiting.length > 0) continue;
      if (this.#ended) return;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}
