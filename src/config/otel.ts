// OpenTelemetry's documented variables, as far as they are ours to read: where and with which
// headers spans are sent is read by its own exporter. All programs of a machine share them, so a
// value that makes no sense is as good as absent, as their specification says. But where spans
// cannot go, somebody who asked for them is to know.

import type { Environment } from "./location.ts";

export interface OtelSettings {
  /** OTEL_SDK_DISABLED. */
  readonly isDisabled: boolean;
  /** An endpoint is named, and nobody said that traces go nowhere. */
  readonly sendsTraces: boolean;
  /** Why nothing could be sent there. */
  readonly obstacle: string | undefined;
  readonly isParentBased: boolean;
  /** 0 to 1. */
  readonly ratio: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly batches: {
    readonly scheduledDelayMillis?: number;
    readonly exportTimeoutMillis?: number;
    readonly maxQueueSize?: number;
    readonly maxExportBatchSize?: number;
  };
  readonly sendsPayloads: boolean;
}

export function readOtelSettings(environment: Environment): OtelSettings {
  const text = (name: string): string => environment[name]?.trim() ?? "";
  const isTrue = (name: string): boolean => text(name).toLowerCase() === "true";
  const ofThese = (names: readonly string[]) => names.find((name) => text(name) !== "") ?? "";
  const endpoint = ofThese(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
  const exporters = (text("OTEL_TRACES_EXPORTER") || "otlp").split(",").map((one) => one.trim());
  const protocol = ofThese(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
  const sampler = text("OTEL_TRACES_SAMPLER").toLowerCase() || "parentbased_always_on";
  return {
    isDisabled: isTrue("OTEL_SDK_DISABLED"),
    sendsTraces: endpoint !== "" && exporters.includes("otlp"),
    obstacle:
      protocolObstacle(protocol, text(protocol)) ?? endpointObstacle(endpoint, text(endpoint)),
    isParentBased: !/^(always_on|always_off|traceidratio)$/.test(sampler),
    ratio: ratioOf(sampler.replace(/^parentbased_/, ""), text("OTEL_TRACES_SAMPLER_ARG")),
    resource: {
      ...resourceAttributes(text("OTEL_RESOURCE_ATTRIBUTES")),
      ...(text("OTEL_SERVICE_NAME") === "" ? {} : { "service.name": text("OTEL_SERVICE_NAME") }),
    },
    batches: {
      ...count("scheduledDelayMillis", text("OTEL_BSP_SCHEDULE_DELAY"), 0),
      ...count("exportTimeoutMillis", text("OTEL_BSP_EXPORT_TIMEOUT"), 1),
      ...count("maxQueueSize", text("OTEL_BSP_MAX_QUEUE_SIZE"), 1),
      ...count("maxExportBatchSize", text("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), 1),
    },
    sendsPayloads: isTrue("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"),
  };
}

function protocolObstacle(name: string, protocol: string): string | undefined {
  if (/^(|http\/json|http\/protobuf)$/.test(protocol)) return undefined;
  return `${name} is ${JSON.stringify(protocol)}, which is not spoken`;
}

/** The exporter would take its default. Not quoted: an address may hold a password. */
function endpointObstacle(name: string, endpoint: string): string | undefined {
  if (endpoint === "" || /^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) return undefined;
  return `${name} is no http or https address`;
}

function ratioOf(sampler: string, argument: string): number {
  if (sampler === "always_off") return 0;
  if (sampler !== "traceidratio" || argument === "") return 1;
  const ratio = Number(argument);
  return ratio >= 0 && ratio <= 1 ? ratio : 1;
}

function count<N extends string>(
  name: N,
  text: string,
  least: number,
): { readonly [K in N]?: number } {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  return value >= least ? ({ [name]: value } as { readonly [K in N]: number }) : {};
}

/** `key=value,key=value`, percent-encoded; where one of them is not, none of them counts. */
function resourceAttributes(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const pair of text.split(",").filter((one) => one.trim() !== "")) {
    const cut = pair.indexOf("=");
    if (cut < 1) return {};
    try {
      found[decodeURIComponent(pair.slice(0, cut).trim())] = decodeURIComponent(
        pair.slice(cut + 1).trim(),
      );
    } catch {
      // ignored: the specification says to leave all of them out
      return {};
    }
  }
  return found;
}
