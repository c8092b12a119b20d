// `aegis manifest keygen`

import { makeSigningKey } from "../../../app/manifest/sign.ts";
import { resolvePath } from "../../../base/paths.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeOut } from "../../output.ts";

export const command = defineCommand(
  {
    name: "manifest keygen",
    summary: "Make a key to sign manifests with.",
    flags: {},
    operands: { FILE: { required: true, summary: "Where the private key goes; must be new" } },
    launches: false,
    examples: ["aegis manifest keygen ~/keys/acme.pem"],
    notes: [
      "FILE is an Ed25519 key in PKCS#8, mode 0600, and FILE.pub its public half. The public key is " +
        "printed as an allow-list has it.",
    ],
  },
  async ({ operands }, { directory }) => {
    const { keyId, publicKey } = await makeSigningKey(resolvePath(directory, operands.FILE));
    writeOut(`key ${keyId}\ned25519 ${publicKey.toBase64()}\n`);
    return exitStatus.ok;
  },
);
