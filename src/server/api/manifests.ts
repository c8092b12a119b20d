// /v1/manifest as data.

import { z } from "zod";
import { answers, json, type Operation, refusal, roles } from "./operation.ts";
import { anyObject, named } from "./schemas.ts";

const body = {
  schema: anyObject.describe("A manifest, as `aegis-manifest.json` has it"),
  type: json,
  isReadByHand: false,
} as const;

const manifest = {
  schema: "aegis.dev/manifest/v0.1",
  name: "reader",
  version: "1.2.0",
  publisher: "acme",
  permissions: { tools: ["read_file"], fs: { read_roots: ["/workspace"] } },
};

const unsandboxed =
  "manifest: sandbox.required: must be true when exec, fs.write, or net permissions are declared";

export const getManifest = {
  id: "getManifest",
  method: "GET",
  path: "/v1/manifest",
  tag: "Manifests",
  summary: "The manifest that decides where a request has none",
  details: "With the defaults that decisions assume. Without one no tool is declared.",
  roles,
  answers: {
    200: {
      description: "The manifest",
      content: answers(
        named("ServedManifest", z.strictObject({ is_given: z.boolean(), manifest: anyObject })),
      ),
    },
  },
  codes: [],
  examples: [{ name: "none", status: 200, answer: { is_given: false, manifest: {} } }],
} as const satisfies Operation;

export const validateManifest = {
  id: "validateManifest",
  method: "POST",
  path: "/v1/manifest/validate",
  tag: "Manifests",
  summary: "Whether a manifest is valid",
  details: "What it says, not who signed it nor the files it vouches for: they are not here.",
  roles,
  isRepeatable: true,
  body,
  answers: {
    200: {
      description: "The verdict, whichever",
      content: answers(
        named(
          "ManifestVerdict",
          z.strictObject({
            valid: z.boolean(),
            error: z.string().describe("The first problem: `manifest: FIELD: MESSAGE`"),
            problems: z.array(z.string()).describe("All of them"),
          }),
        ),
      ),
    },
  },
  codes: ["json_invalid"],
  examples: [
    {
      name: "a valid one",
      body: manifest,
      status: 200,
      answer: { valid: true, error: "", problems: [] },
    },
    {
      name: "one that runs programs without a sandbox",
      body: { ...manifest, permissions: { tools: ["exec"], exec: { allowed_bins: ["ls"] } } },
      status: 200,
      answer: { valid: false, error: unsandboxed, problems: [unsandboxed] },
    },
  ],
} as const satisfies Operation;

export const showManifest = {
  id: "showManifest",
  method: "POST",
  path: "/v1/manifest/show",
  tag: "Manifests",
  summary: "A manifest with everything that it leaves out",
  roles,
  isRepeatable: true,
  body,
  answers: {
    200: { description: "With the defaults that decisions assume", content: answers(anyObject) },
  },
  codes: ["json_invalid", "manifest_invalid"],
  examples: [
    {
      name: "defaults of budgets",
      body: manifest,
      status: 200,
      answer: {
        ...manifest,
        permissions: {
          tools: ["read_file"],
          fs: { read_roots: ["/workspace"], write_roots: [] },
          net: { domains: [] },
          secrets: [],
          exec: { arg_patterns: [] },
          approval_required: [],
          budgets: {
            max_steps: 24,
            max_tool_calls: 12,
            max_output_bytes: 1_048_576,
            timeout_ms: 30_000,
            max_wall_time_ms: 120_000,
          },
        },
        sandbox: { required: false, mounts: [] },
        integrity: { files: {} },
      },
    },
    {
      name: "one without a name",
      body: { ...manifest, name: "" },
      status: 422,
      answer: refusal("manifest_invalid", "manifest: name: required"),
    },
  ],
} as const satisfies Operation;
