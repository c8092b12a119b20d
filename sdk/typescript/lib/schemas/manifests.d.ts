import type { JsonObject } from "../transport.ts";
export type ManifestVerdict = {
  readonly valid: boolean;
  /** The first problem: `manifest: FIELD: MESSAGE`. */
  readonly error: string;
  /** All of them. */
  readonly problems: readonly string[];
};
export type ServedManifest = {
  readonly is_given: boolean;
  readonly manifest: JsonObject;
};
