// A manifest with everything that it leaves out: what the policy assumes stands there as if it had
// been written. Pure.

import type { JsonObject, JsonValue } from "../../model/event.ts";
import type { Manifest } from "../../policy/manifest/parse.ts";

/** What decisions assume where a manifest is silent. A bound on model calls has no default. */
export const budgetDefaults = {
  max_steps: 24,
  max_tool_calls: 12,
  max_output_bytes: 1_048_576,
  timeout_ms: 30_000,
  max_wall_time_ms: 120_000,
} as const;

export function resolvedManifest({ json }: Manifest): JsonObject {
  const { permissions = {}, sandbox = {}, integrity = {} } = json;
  const { fs = {}, net = {}, exec = {}, budgets = {} } = permissions;
  return {
    schema: json.schema ?? "",
    name: json.name ?? "",
    version: json.version ?? "",
    publisher: json.publisher ?? "",
    permissions: {
      tools: permissions.tools ?? [],
      fs: { read_roots: fs.read_roots ?? [], write_roots: fs.write_roots ?? [] },
      net: { domains: net.domains ?? [] },
      secrets: permissions.secrets ?? [],
      // Absent and empty differ: only an empty list forbids a box every program.
      exec: {
        ...written({ allowed_bins: exec.allowed_bins ?? undefined }),
        arg_patterns: exec.arg_patterns ?? [],
      },
      approval_required: permissions.approval_required ?? [],
      budgets: { ...budgetDefaults, ...written(budgets) },
    },
    sandbox: {
      required: sandbox.required ?? false,
      ...written({ image: sandbox.image }),
      mounts: sandbox.mounts ?? [],
    },
    integrity: {
      files: integrity.files ?? {},
      ...written({ tree_sha256: integrity.tree_sha256, signature: integrity.signature }),
    },
  };
}

function written(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const present: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined) present[name] = value;
  }
  return present;
}
