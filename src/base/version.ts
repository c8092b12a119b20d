// The version of this build, from the one place that names it.

import { version } from "../../package.json";

export const aegisVersion: string = version;
