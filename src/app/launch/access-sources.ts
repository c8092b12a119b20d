// Where a box on macOS is heard of: the unified log for what was refused, file system events and a
// comparison of the tree for what was changed. The Linux helper reports by itself.

import type { Clock } from "../../base/clock.ts";
import type { AccessSource } from "../../enforce/seatbelt/access-source.ts";
import { fileEvents } from "../../enforce/select.ts";

export async function accessSources(clock: Clock): Promise<readonly AccessSource[]> {
  const [{ logStreamSource }, { changeSource }, { snapshotLimits }, fsevents] = await Promise.all([
    import("../../observe/log-stream.ts"),
    import("../../observe/change-source.ts"),
    import("../../observe/snapshot.ts"),
    fileEvents(),
  ]);
  return [
    logStreamSource({ logProgram: "/usr/bin/log", clock }),
    changeSource({ fsevents, limits: snapshotLimits, clock }),
  ];
}
