// What a use case needs to know of the world around it; read once, in cli/.

import type { Clock } from "../base/clock.ts";
import type { AbsPath } from "../base/paths.ts";
import type { Environment } from "../config/location.ts";

export interface Surroundings {
  readonly environment: Environment;
  /** The caller's working folder. */
  readonly directory: AbsPath;
  readonly clock: Clock;
}
