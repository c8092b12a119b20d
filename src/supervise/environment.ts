// The environment a box starts with. Names and values that look like secrets, desktop and agent
// sockets, and variables that steer a loader or this binary are left out unless granted by name;
// what was left out is reported by name, never by value. How they are recognised is in
// secret-signs.ts.

import { leadsOutside, looksSecret, steers } from "./secret-signs.ts";

/** `--env NAME` passes a variable on whatever it looks like; `--env NAME=VALUE` sets one. */
export interface EnvironmentGrant {
  readonly name: string;
  /** Undefined: the value aegis itself was started with. */
  readonly value: string | undefined;
}

export interface BoxEnvironment {
  /** `NAME=value`, sorted by name. */
  readonly variables: readonly string[];
  /** Names left out: secrets, ways out of the box, what steers programs. Sorted. */
  readonly removed: readonly string[];
}

/**
 * @param parent the environment aegis was started with
 * @param fixed variables the box always gets, e.g. TMPDIR; they win over the parent's and lose
 * against grants
 */
export function boxEnvironment(
  parent: Readonly<Record<string, string | undefined>>,
  grants: readonly EnvironmentGrant[],
  fixed: Readonly<Record<string, string>>,
): BoxEnvironment {
  const kept = new Map<string, string>();
  const removed: string[] = [];
  for (const [name, value] of Object.entries(parent)) {
    // Settings of aegis itself are nothing a box could miss.
    if (value === undefined || name.startsWith("AEGIS_")) continue;
    if (staysOut(name, value)) removed.push(name);
    else kept.set(name, value);
  }
  for (const [name, value] of Object.entries(fixed)) kept.set(name, value);
  for (const grant of grants) {
    const value = grant.value ?? parent[grant.name];
    if (value !== undefined) kept.set(grant.name, value);
  }
  return {
    variables: [...kept].map(([name, value]) => `${name}=${value}`).sort(),
    removed: removed.filter((name) => !kept.has(name)).sort(),
  };
}

/** The box's PATH; without one, the one a shell would use. */
export function searchPath({ variables }: BoxEnvironment): string {
  const found = variables.find((entry) => entry.startsWith("PATH="));
  return found?.slice("PATH=".length) ?? "/usr/local/bin:/usr/bin:/bin";
}

/** The whole environment but for what would steer aegis' own helper: what `wrap` passes on. */
export function observedEnvironment(
  parent: Readonly<Record<string, string | undefined>>,
  grants: readonly EnvironmentGrant[],
): BoxEnvironment {
  const kept = new Map<string, string>();
  for (const [name, value] of Object.entries(parent)) {
    if (value !== undefined && !name.startsWith("BUN_")) kept.set(name, value);
  }
  for (const grant of grants) {
    const value = grant.value ?? parent[grant.name];
    if (value !== undefined) kept.set(grant.name, value);
  }
  return { variables: [...kept].map(([name, value]) => `${name}=${value}`).sort(), removed: [] };
}

function staysOut(name: string, value: string): boolean {
  return leadsOutside(name) || steers(name, value) || looksSecret(name, value);
}
