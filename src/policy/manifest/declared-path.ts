// Paths and hashes of the files that a manifest vouches for, as they have to be written.

/**
 * What keeps a declared path from being used, or undefined. It has to name one file below the
 * folder in one spelling only.
 */
export function pathFlaw(path: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these may not be in a name
  if (/[\u0000-\u001f\u007f]/.test(path)) return "holds a control character";
  if (path.startsWith("/")) return "is absolute";
  const parts = path.split("/");
  if (parts.includes("..")) return "leaves the folder";
  if (parts.includes("") || parts.includes(".")) return "is not in its shortest spelling";
  return undefined;
}

/** SHA-256 in hex, in the one spelling that it is compared in. */
export function isFileHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
