// The one place that asks which platform this is.

import { AegisError } from "../base/errors.ts";
import type { Backend } from "./backend.ts";

/** Name of the platform as profiles use it. */
export const platformName = process.platform === "darwin" ? "macos" : "linux";

/**
 * The backend of this machine.
 * @param helperDirectory where the Linux backend may keep its helper, a directory of this user
 * alone
 * @throws {AegisError} `enforce/unsupported` on other platforms
 */
export async function selectBackend(helperDirectory: string): Promise<Backend> {
  // Not a switch: only conditions like these let the bundler leave out the other platforms' parts.
  if (process.platform === "linux") {
    const { createLinuxBackend } = await import("./linux/backend.ts");
    return createLinuxBackend(helperDirectory);
  }
  if (process.platform === "darwin") {
    const { seatbeltBackend } = await import("./seatbelt/backend.ts");
    return seatbeltBackend;
  }
  throw new AegisError("enforce/unsupported", `Cannot confine on "${process.platform}"`, {
    hint: "Linux and macOS are supported",
  });
}
