// Words for what a configuration asks for.

import type { Isolation, Observer } from "../../config/schema.ts";

const isolations: Readonly<Record<Isolation, string>> = {
  kernel: "Kernel",
  process: "Process",
  none: "None",
};

export function isolationText(isolation: Isolation): string {
  return isolations[isolation];
}

export function observerText(observer: Observer): string {
  if (observer.kind === "none") return "None";
  if (observer.kind === "endpoint-security") return "Endpoint Security";
  return `FsEvents (snapshots: ${observer.snapshots ? "enabled" : "disabled"})`;
}
