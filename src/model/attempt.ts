// What a process or a tool call tried.

import type { Action, Protocol } from "./capability.ts";

export interface Attempt {
  readonly action: Action;
  /** Agent id: the config's name, or "agent". */
  readonly agent: string;
  readonly resource: Resource;
}

/**
 * - path actions: `path` absolute with links resolved.
 * - `NetConnect`/`NetBind`: `host` canonical (`base/host.ts`), `port` 0–65535, `protocol` `tcp`
 *   when absent. `path` is the host, for policies written against the reference schema where the
 *   only attribute is `path`.
 * - `NetRequest`: `host`/`port` of the URL, `path` the host as well; always `tcp`.
 * - `ToolCall`/`ProcessExit`/`ApiUsage`: `path` is the tool, command or provider name.
 */
export interface Resource {
  readonly path: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly protocol?: Protocol | undefined;
}
