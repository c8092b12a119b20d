// What a command says beside its result, one line each.

import { writeErr } from "./output.ts";
import { escapeControls } from "./render/text.ts";

export function warn(warnings: readonly string[]): void {
  for (const warning of warnings) writeErr(`warning: ${escapeControls(warning)}\n`);
}
