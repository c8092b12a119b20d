// The one place that asks which platform this is.

import { AegisError } from "../base/errors.ts";
import type { Backend } from "./backend.ts";
import type { AccessSource } from "./seatbelt/access-source.ts";

/** Name of the platform as profiles use it. */
export const platformName = process.platform === "darwin" ? "macos" : "linux";

/**
 * The backend of this machine.
 * @param helperDirectory where the Linux backend may keep its helper, a directory of this user
 * alone
 * @param sources where the macOS backend hears of accesses; not asked for elsewhere
 * @throws {AegisError} `enforce/unsupported` on other platforms
 */
export async function selectBackend(
  helperDirectory: string,
  sources: () => Promise<readonly AccessSource[]>,
): Promise<Backend> {
  // Not a switch: only conditions like these let the bundler leave out the other platforms' parts.
  if (process.platform === "linux") {
    const { createLinuxBackend } = await import("./linux/backend.ts");
    return createLinuxBackend(helperDirectory);
  }
  if (process.platform === "darwin") {
    const [{ seatbeltBackend }, { thisMac }] = await Promise.all([
      import("./seatbelt/backend.ts"),
      import("./seatbelt/machine.ts"),
    ]);
    return seatbeltBackend(thisMac(await sources()));
  }
  throw new AegisError("enforce/unsupported", `Cannot confine on "${process.platform}"`, {
    hint: "Linux and macOS are supported",
  });
}

/** The system's feed of file changes; undefined where there is none. */
export async function fileEvents(): Promise<typeof import("fsevents") | undefined> {
  if (process.platform === "darwin") return import("fsevents");
  return undefined;
}
