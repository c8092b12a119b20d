// What the commands about manifests share.

export const trustModeFlag = {
  kind: "choice",
  choices: ["dev", "prod"],
  default: "dev",
  summary: "prod also wants a proven signature, which this build cannot check",
} as const;

export const unprovenSignature =
  "manifest: integrity.signature: checking signatures is not part of this build";
