// What the commands that trust manifests share.

import type { LaunchOptions } from "../app/launch/options.ts";
import type { TrustOptions } from "../app/manifest/trust.ts";
import { AegisError } from "../base/errors.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import { warn } from "./warn.ts";

export const trustFlags = {
  "trust-mode": {
    kind: "choice",
    choices: ["dev", "prod"],
    default: "dev",
    summary: "prod refuses a manifest that nobody on the allow-list signed",
  },
  trust: { kind: "text", value: "FILE", summary: "The allow-list: docs/manifests.md" },
} as const;

/** Of `aegis run`, where nothing is said about trust unless one of them is given. */
export const launchTrustFlags = {
  "trust-mode": {
    kind: "choice",
    choices: ["dev", "prod"],
    summary: "prod refuses a manifest that nobody on the allow-list signed.",
  },
  trust: { kind: "text", value: "FILE", summary: "The allow-list: docs/manifests.md." },
} as const;

interface TrustWish {
  readonly "trust-mode": TrustOptions["mode"] | undefined;
  readonly trust: string | undefined;
}

/** Asks who signed the manifest before anything is launched; `{}` when nobody wants to know. */
export function launchTrust(
  flags: TrustWish & { readonly manifest: string | undefined },
  directory: AbsPath,
): Pick<LaunchOptions, "judgeManifest"> {
  if (flags["trust-mode"] === undefined && flags.trust === undefined) return {};
  if (flags.manifest === undefined) {
    throw new AegisError("usage", "Cannot judge a manifest: there is none", {
      hint: "name it with --manifest",
    });
  }
  const trust = trustOptions(flags, directory);
  return {
    async judgeManifest(path, text) {
      const { requireTrustedText } = await import("../app/manifest/trust.ts");
      warn(await requireTrustedText(path, text, trust));
    },
  };
}

export function trustOptions(flags: TrustWish, directory: AbsPath): TrustOptions {
  const { "trust-mode": mode = "dev", trust } = flags;
  return { mode, file: trust === undefined ? undefined : resolvePath(directory, trust) };
}
