// `aegis manifest verify`: signature and files, whatever the trust mode.

import { verifyManifest } from "../../../app/manifest/trust.ts";
import { resolvePath } from "../../../base/paths.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeOut } from "../../output.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "manifest verify",
    summary: "Check who signed a manifest, and the files that it vouches for.",
    flags: {
      trust: { kind: "text", value: "FILE", summary: "The allow-list: docs/manifests.md" },
      key: {
        kind: "text",
        value: "KEYFILE",
        summary: "Instead: the public key that must have signed",
      },
      identity: {
        kind: "text",
        value: "NAME",
        summary: "Instead: the identity that must have signed",
      },
      issuer: { kind: "text", value: "URL", summary: "Who vouches for the identity" },
      "sigstore-root": {
        kind: "text",
        value: "FILE",
        summary: "Sigstore's trust root, a trusted_root.json",
      },
    },
    operands: { FILE: { required: true, summary: "The manifest" } },
    launches: false,
    examples: [
      "aegis manifest verify --trust trust.json aegis-manifest.json",
      "aegis manifest verify --key acme.pem.pub aegis-manifest.json",
    ],
    notes: [
      "Nothing is fetched. The first flaw is told after INVALID, and the exit status is 1. With " +
        "--key or --identity whoever the manifest names as its publisher is taken.",
    ],
  },
  async ({ flags, operands }, { directory }) => {
    const { trust, key, identity, issuer } = flags;
    const root = flags["sigstore-root"];
    const wish = { trust, key, identity, issuer, root };
    const verdict = await verifyManifest(resolvePath(directory, operands.FILE), wish, directory);
    writeOut(`${escapeControls(verdict.ok ? verdict.value : `INVALID: ${verdict.error}`)}\n`);
    return verdict.ok ? exitStatus.ok : exitStatus.failed;
  },
);
