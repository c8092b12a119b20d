// A sealed list of programs as capabilities: whatever else is permitted, nothing but these is run,
// and none of them is changed. Pure: a flag or a manifest finds the programs it names first.

import type { Capability, Origin } from "../model/capability.ts";

/** A list is one rule, and a rule of the helper has at most 255 tests. */
export const sealedProgramsMax = 200;

/**
 * @param paths with what each leads to, when it is a link
 * @param origin of the rule that forbids everything else
 */
export function sealPrograms(paths: readonly string[], origin: Origin): readonly Capability[] {
  const programs = [...new Set(paths)];
  const only = programs.map((path) => ({ kind: "path-equals", path, negated: true }) as const);
  const named = (name: string): Origin => ({ ...origin, rule: `${origin.rule}:${name}` });
  return [
    { effect: "forbid", actions: ["ProcessSpawn"], agent: undefined, where: only, origin },
    // A program that could be written would be a list of whatever is written to it.
    ...programs.map(
      (path): Capability => ({
        effect: "forbid",
        actions: ["FileWrite", "FileDelete"],
        agent: undefined,
        where: [{ kind: "path-equals", path, negated: false }],
        origin: named("unchanged"),
      }),
    ),
  ];
}
