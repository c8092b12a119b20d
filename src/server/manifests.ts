// /v1/manifest: what a manifest says once it is checked. Callers send theirs; nothing is kept.

import { policySizeMaxBytes } from "../base/limits.ts";
import { resolvedManifest } from "../control/manifest/resolve.ts";
import type { JsonObject, JsonValue } from "../model/event.ts";
import { type Manifest, parseManifest } from "../policy/manifest/parse.ts";
import * as api from "./api/manifests.ts";
import { Refusal, type Route, reply, route } from "./http.ts";

/** @param served what the server was started with; an empty one when it was given none */
export function manifestRoutes(served: JsonValue): readonly Route[] {
  return [
    route(api.getManifest, async () => {
      const read = await checked(served);
      if (read.manifest === undefined) return reply(200, { is_given: false, manifest: {} });
      return reply(200, { is_given: true, manifest: resolvedManifest(read.manifest) });
    }),
    route(api.validateManifest, async ({ body }) => {
      const { problems } = await checked(body as JsonObject);
      const [error = ""] = problems;
      return reply(200, { valid: problems.length === 0, error, problems });
    }),
    route(api.showManifest, async ({ body }) => {
      const { manifest, problems } = await checked(body as JsonObject);
      if (manifest !== undefined) return reply(200, resolvedManifest(manifest));
      throw new Refusal("manifest_invalid", problems[0] ?? "manifest: it is not valid");
    }),
  ];
}

interface Checked {
  readonly manifest: Manifest | undefined;
  /** As the format words them. */
  readonly problems: readonly string[];
}

async function checked(value: JsonValue): Promise<Checked> {
  const text = JSON.stringify(value);
  if (text.length > policySizeMaxBytes) {
    return { manifest: undefined, problems: ["manifest: decode: it is too large"] };
  }
  const parsed = await parseManifest({ kind: "manifest", name: "request", text });
  if (parsed.ok) return { manifest: parsed.value, problems: [] };
  return { manifest: undefined, problems: parsed.error.map(({ message }) => message) };
}
