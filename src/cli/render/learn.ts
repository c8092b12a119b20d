// What `aegis learn` says about a policy it made: on standard error for people, as JSON for
// programs. Paths come from a box and are escaped before a terminal sees them.

import type { LearnedPolicy } from "../../app/learn.ts";
import type { LearnReport } from "../../wire/learn.ts";
import { escapeControls } from "./text.ts";

/** Things named for each kind; the policy has them all. */
const shown = 8;

/** What is granted beyond what was seen, and what is not granted though it was. */
export function renderLearned({ learned }: LearnedPolicy): string {
  const { observed, exact, folders, endpoints, notGranted } = learned;
  const lines = [
    `seen: ${observed.accesses} accesses to ${observed.distinct} things, ${observed.ofBase} of which need no policy`,
    `granted: ${exact.length} exact, ${folders.length} as folders, ${endpoints.length} of the network`,
    ...some(folders, ({ action, path, reason, seen }) => [
      `beyond what was seen: ${action} in all of ${path} (${seen} seen)`,
      `  it ${reason}`,
    ]),
    ...some(notGranted, ({ action, resource, reason }) => [
      `not granted: ${action} ${resource}: ${reason}`,
    ]),
  ];
  return lines.map((line) => `aegis: ${escapeControls(line)}\n`).join("");
}

function some<T>(list: readonly T[], render: (item: T) => readonly string[]): readonly string[] {
  const more = list.length - shown;
  const rest = more > 0 ? [`and ${more} more: see the policy`] : [];
  return [...list.slice(0, shown).flatMap(render), ...rest];
}

export function learnedView({ session, learned, text }: LearnedPolicy): LearnReport {
  const { observed, exact, folders, endpoints, notGranted } = learned;
  return {
    session: session.id,
    policy: text,
    observed: {
      accesses: observed.accesses,
      distinct: observed.distinct,
      of_base: observed.ofBase,
    },
    granted: {
      exact: exact.map(({ action, path }) => ({ action, path })),
      folders: folders.map(({ action, path, reason, seen }) => ({ action, path, reason, seen })),
      endpoints: endpoints.map(({ action, host, port, protocol }) => ({
        action,
        host: host ?? null,
        port,
        protocol: protocol ?? null,
      })),
    },
    not_granted: notGranted.map(({ action, resource, reason }) => ({ action, resource, reason })),
  };
}
