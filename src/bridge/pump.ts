// `aegis-helper pump`: a process that moves what one socket receives into another in the kernel.
// The sockets stay open here; whoever starts it leaves them alone until it has ended.

import type { Helper } from "./helper.ts";

export type PumpEnd = "end" | "stopped" | "source" | "sink" | "lost";

export interface PumpReport {
  /** `source`, `sink`: that one failed; `lost`: nobody knows how far it got. */
  readonly end: PumpEnd;
  /** Given to the sink. */
  readonly bytes: number;
  /** Linux errno of what failed, 0 when nothing did. */
  readonly errno: number;
}

export interface Pump {
  /** Never broken. */
  readonly ended: Promise<PumpReport>;
  stop(): void;
}

const lost: PumpReport = { end: "lost", bytes: 0, errno: 0 };

/** Undefined when it cannot be started. */
export function startPump({ path }: Helper, source: number, sink: number): Pump | undefined {
  try {
    const child = Bun.spawn([path, "pump"], {
      argv0: "aegis-helper",
      env: {},
      stdio: [source, sink, "pipe"],
    });
    return {
      ended: child.stderr.text().then(readReport, () => lost),
      stop: () => child.kill("SIGTERM"),
    };
  } catch {
    // ignored: whoever asked does it by itself then, as where there is no helper
    return undefined;
  }
}

function readReport(text: string): PumpReport {
  const [, end, bytes, errno] = /^(end|stopped|source|sink) (\d+) (\d+)\n$/.exec(text) ?? [];
  if (end === undefined) return lost;
  return { end: end as PumpEnd, bytes: Number(bytes), errno: Number(errno) };
}
