// `aegis manifest sign`

import { signManifest } from "../../../app/manifest/sign.ts";
import { AegisError } from "../../../base/errors.ts";
import { resolvePath } from "../../../base/paths.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeOut } from "../../output.ts";

export const command = defineCommand(
  {
    name: "manifest sign",
    summary: "Sign a manifest with a publisher's key.",
    flags: {
      key: { kind: "text", value: "KEYFILE", summary: "The private key, mode 0600. Required." },
      detached: { kind: "switch", summary: "Put the signature into FILE.sig beside the manifest" },
    },
    operands: { FILE: { required: true, summary: "The manifest" } },
    launches: false,
    examples: ["aegis manifest sign --key ~/acme.pem skill/aegis-manifest.json"],
    notes: [
      "Signed is the RFC 8785 form of the manifest without integrity.signature, which " +
        "`aegis manifest show --signed-bytes FILE` prints. An earlier signature is replaced.",
    ],
  },
  async ({ flags, operands }, { directory }) => {
    if (flags.key === undefined) {
      throw new AegisError("usage", "Cannot sign a manifest: --key is missing", {
        hint: "`aegis manifest keygen FILE` makes a key",
      });
    }
    const path = resolvePath(directory, operands.FILE);
    const keyPath = resolvePath(directory, flags.key);
    const { keyId, place } = await signManifest(path, keyPath, flags.detached);
    writeOut(`signed by key ${keyId}: ${place}\n`);
    return exitStatus.ok;
  },
);
