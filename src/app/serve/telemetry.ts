// Whether a server has telemetry, and where its spans go: by its own flags and file, and by the
// variables that OpenTelemetry documents. Off means that nothing of it is loaded.

import { AegisError } from "../../base/errors.ts";
import { resolvePath } from "../../base/paths.ts";
import { aegisVersion } from "../../base/version.ts";
import { aegisPaths } from "../../config/location.ts";
import { readOtelSettings } from "../../config/otel.ts";
import { noTelemetry, type Telemetry } from "../../control/telemetry/span.ts";
import type { Surroundings } from "../surroundings.ts";

export interface TelemetryOptions {
  readonly isDisabled: boolean;
  /** Undefined: `traces.ndjson` among the other files of this user, unless spans are sent. */
  readonly path: string | undefined;
  /** False: no payload goes anywhere, redacted or not. */
  readonly keepsPayloads?: boolean;
}

/** @throws {AegisError} `config/invalid` when spans could not go where they should */
export async function openTelemetry(
  options: TelemetryOptions,
  { environment, directory, clock }: Surroundings,
): Promise<Telemetry> {
  const settings = readOtelSettings(environment);
  if (options.isDisabled || settings.isDisabled) return noTelemetry;
  if (settings.sendsTraces && settings.obstacle !== undefined) {
    throw new AegisError("config/invalid", `Cannot send traces: ${settings.obstacle}`, {
      hint: "use http/json, which collectors take at http://HOST:4318",
    });
  }
  const otherwise = resolvePath(aegisPaths(environment).home, "traces.ndjson");
  const isFileWanted = options.path !== undefined || !settings.sendsTraces;
  const path = options.path === undefined ? otherwise : resolvePath(directory, options.path);
  const { createTelemetry } = await import("../../control/telemetry/tracer.ts");
  return createTelemetry({
    clock,
    keepsPayloads: options.keepsPayloads !== false,
    path: isFileWanted ? path : undefined,
    otlp: settings.sendsTraces
      ? { ...settings.batches, sendsPayloads: settings.sendsPayloads }
      : undefined,
    sampler: { isParentBased: settings.isParentBased, ratio: settings.ratio },
    resource: {
      "service.name": "aegis",
      "service.version": aegisVersion,
      ...settings.resource,
    },
  });
}
