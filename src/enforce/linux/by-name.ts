// Connections by name, as a plan sees them: what the helper still judges, what the gateway is given
// to judge by, and where a box with a network of its own asks for names.

import { resolvePath } from "../../base/paths.ts";
import type { MountStep } from "../../bridge/plan.ts";
import type { Capabilities, Capability } from "../../model/capability.ts";
import { insideRules, ownLoopbackRules } from "./built-in.ts";
import { type RuleTable, ruleTable } from "./judge-rules.ts";
import type { Means, Needs } from "./means.ts";
import type { DiskView } from "./paths/disk-view.ts";
import { everything } from "./paths/shape.ts";

/**
 * Where connections go by name the helper only has to know what stays inside: names mean nothing to
 * it, so a permit by name must not look like one by address.
 */
export function judgedRules(
  capabilities: readonly Capability[],
  { byName }: Needs,
  means: Means,
  disk: DiskView,
): RuleTable {
  if (byName === undefined) {
    const judged = means.net ? [...capabilities, ...ownLoopbackRules()] : capabilities;
    return ruleTable(judged, disk, means.broker);
  }
  const judged = capabilities.flatMap((capability) => {
    if (capability.effect === "forbid") return [capability];
    const actions = capability.actions.filter((action) => action !== "NetConnect");
    return actions.length === 0 ? [] : [{ ...capability, actions }];
  });
  return ruleTable(judged, disk, means.broker, means.net ? insideRules(byName.localPorts) : []);
}

/** What the gateway judges by. */
export function networkRules(capabilities: readonly Capability[]): Capabilities {
  const concerned = capabilities.filter(({ actions }) =>
    actions.some((action) => action === "NetConnect" || action === "NetRequest"),
  );
  return { version: 1, capabilities: concerned };
}

/** Without the file the C library asks the box's own loopback anyway. */
export function namesFile(disk: DiskView): MountStep[] {
  const { kind, place } = disk.look(resolverFile);
  return kind === "file" ? [{ kind: "names", path: place, optional: false }] : [];
}

const resolverFile = resolvePath(everything.path, "etc/resolv.conf");
