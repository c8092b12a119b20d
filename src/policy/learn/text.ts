// A learned policy as Cedar for people to read: exact grants together, each folder on its own under
// the reason for it, and what was left out as comments. Paths come from a box and are quoted.

import type { Action, PathAction } from "../../model/capability.ts";
import { quote } from "../cedar/print.ts";
import type { Learned } from "./learn.ts";
import type { Endpoint } from "./network.ts";

/** Paths of one rule: far below what Cedar's engine takes in one condition. */
const pathsPerRule = 100;

/** @param heading lines about where it came from, without control characters */
export function learnedText(learned: Learned, heading: readonly string[]): string {
  const parts = [
    heading.map((line) => `// ${line}\n`).join(""),
    ...exactRules(learned.exact),
    ...folderRules(learned.folders),
    ...learned.endpoints.map(networkRule),
    notGrantedText(learned),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

function exactRules(exact: Learned["exact"]): string[] {
  const byPath = new Map<string, PathAction[]>();
  for (const { path, action } of exact) byPath.set(path, [...(byPath.get(path) ?? []), action]);
  const byActions = new Map<string, { actions: readonly PathAction[]; paths: string[] }>();
  for (const [path, actions] of byPath) {
    const key = actions.join(" ");
    const group = byActions.get(key) ?? { actions, paths: [] };
    byActions.set(key, group);
    group.paths.push(path);
  }
  const rules: string[] = [];
  for (const { actions, paths } of byActions.values()) {
    for (let at = 0; at < paths.length; at += pathsPerRule) {
      const tests = paths
        .slice(at, at + pathsPerRule)
        .map((path) => `resource.path == ${quote(path)}`);
      rules.push(rule(`learned:exact ${rules.length + 1}`, actions, tests.join(" ||\n  ")));
    }
  }
  return rules;
}

function folderRules(folders: Learned["folders"]): string[] {
  const byPath = Map.groupBy(folders, ({ path }) => path);
  return [...byPath].map(([path, grants], index) => {
    const why = grants.map(
      ({ action, reason, seen }) => `// ${action}: it ${reason} (${seen} seen)\n`,
    );
    const actions = grants.map(({ action }) => action);
    const test = `resource in Aegis::Resource::${quote(path)}`;
    return `// The folder and everything below it, which is more than was seen:\n${why.join("")}${rule(`learned:folder ${index + 1}`, actions, test)}`;
  });
}

/** ICMP knows no ports. */
function networkRule({ action, host, port, protocol }: Endpoint, index: number): string {
  const tests = [
    ...(host === undefined ? [] : [`resource has host && resource.host == ${quote(host)}`]),
    ...(protocol === "icmp" ? [] : [`resource has port && resource.port == ${port}`]),
    ...(protocol === undefined
      ? []
      : [`resource has protocol && resource.protocol == ${quote(protocol)}`]),
  ];
  return rule(`learned:network ${index + 1}`, [action], tests.join(" &&\n  "));
}

function rule(id: string, actions: readonly Action[], test: string): string {
  const names = actions.map((action) => `Aegis::Action::${quote(action)}`);
  const what = names.length === 1 ? `action == ${names[0]}` : `action in [${names.join(", ")}]`;
  return `@id(${quote(id)})\npermit(principal, ${what}, resource) when {\n  ${test}\n};\n`;
}

function notGrantedText({ notGranted }: Learned): string {
  if (notGranted.length === 0) return "";
  const lines = notGranted.map(
    ({ action, resource, reason }) => `//   ${action} ${quote(resource)}: ${reason}\n`,
  );
  return `// Seen and not granted; decide yourself:\n${lines.join("")}`;
}
