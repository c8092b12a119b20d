// The whole catalogue, for one run under the default policy; strict execution needs one of its own.

import type { Row } from "../row.ts";
import { descriptors } from "./access.ts";
import { calls } from "./calls.ts";
import { links, plainFiles } from "./files.ts";
import { persistence, secretsAndResources } from "./lasting.ts";
import { localSockets, network, terminal } from "./network.ts";
import { privileges } from "./privileges.ts";
import { processes } from "./processes.ts";
import { execution } from "./programs.ts";
import { setIds } from "./set-id.ts";

export const catalogue: readonly Row[] = [
  ...plainFiles,
  ...links,
  ...descriptors,
  ...privileges,
  ...execution,
  ...processes,
  ...calls,
  ...network,
  ...localSockets,
  ...terminal,
  ...persistence,
  ...setIds,
  ...secretsAndResources,
];
