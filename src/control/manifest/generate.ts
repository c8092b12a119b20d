// The manifest for code that came without one: little, and less still where the code looks as if it
// wanted more than it says. Pure.

import type { JsonObject } from "../../model/event.ts";
import { manifestVersion } from "../../policy/manifest/parse.ts";
import type { Finding } from "./scan.ts";

export type GenerateMode = "full" | "read_only_audit";

export function modeFor(findings: readonly Finding[], auditOnly: boolean): GenerateMode {
  const isCritical = findings.some(({ severity }) => severity === "CRITICAL");
  return auditOnly || isCritical ? "read_only_audit" : "full";
}

/** @param name of the folder */
export function generatedManifest(name: string, mode: GenerateMode): JsonObject {
  const full = mode === "full";
  return {
    schema: manifestVersion,
    name: name === "" || name === "." || name === "/" ? "unknown-skill" : name,
    version: "0.0.1-generated",
    publisher: "openclaw-legacy",
    permissions: {
      tools: ["read_file", "list_dir", ...(full ? ["write_file"] : [])],
      fs: {
        read_roots: ["/workspace"],
        ...(full ? { write_roots: ["/workspace/output"] } : {}),
      },
      net: {},
      exec: {},
      ...(full ? { approval_required: ["exec", "net"] } : {}),
      budgets: { max_steps: 24, max_tool_calls: 12, max_wall_time_ms: 120_000 },
    },
    sandbox: { required: true },
    integrity: {},
  };
}

/** What an OpenClaw client reads: where its tool calls go, and under which manifest. */
export function clientConfig(manifestPath: string): JsonObject {
  return {
    aegisd_proxy_addr: "http://localhost:8081",
    trust_mode: "dev",
    manifest_path: manifestPath,
  };
}

/** What was found and made, as the report says it. */
export interface Generated {
  readonly directory: string;
  readonly manifestPath: string;
  readonly mode: GenerateMode;
  readonly findings: readonly Finding[];
}

export function generateReport(generated: Generated): JsonObject {
  const { directory, manifestPath, mode, findings } = generated;
  const count = (wanted: string) => findings.filter(({ severity }) => severity === wanted).length;
  const critical = count("CRITICAL");
  const notes = [
    "no right to run programs, to use the network or to write was granted",
    `critical findings: ${critical}`,
  ];
  return {
    skill_dir: directory,
    manifest_written: true,
    manifest_path: manifestPath,
    mode,
    findings: findings.map((finding) => ({ ...finding })),
    finding_count: findings.length,
    critical_count: critical,
    high_count: count("HIGH"),
    ...(mode === "full" ? {} : { notes }),
  };
}
