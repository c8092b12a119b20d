// Capabilities as Cedar text that compiles to the same capabilities: for flags and built-in
// protections, which have no text of their own, and for showing people what a rule means.

import type { Atom, Capabilities, Capability } from "../../model/capability.ts";

/**
 * One policy for each capability; rules that share an id get numbers, because ids are unique in a
 * file.
 */
export function printCapabilities({ capabilities }: Capabilities): string {
  const counts = new Map<string, number>();
  return capabilities
    .map((capability) => {
      const { rule } = capability.origin;
      const count = (counts.get(rule) ?? 0) + 1;
      counts.set(rule, count);
      const id = count === 1 ? rule : `${rule} ${count}`;
      return `@id(${quote(id)})\n${printCapability(capability)}\n`;
    })
    .join("\n");
}

export function printCapability({ effect, actions, agent, where }: Capability): string {
  const who = agent === undefined ? "principal" : `principal == Aegis::Agent::${quote(agent)}`;
  const names = actions.map((action) => `Aegis::Action::${quote(action)}`);
  const what = names.length === 1 ? `action == ${names[0]}` : `action in [${names.join(", ")}]`;
  const tests = where.map(printAtom);
  const when = tests.length === 0 ? "" : ` when { ${tests.join(" && ")} }`;
  return `${effect}(${who}, ${what}, resource)${when};`;
}

function printAtom(atom: Atom): string {
  const test = printTest(atom);
  return atom.negated ? `!(${test})` : test;
}

function printTest(atom: Atom): string {
  switch (atom.kind) {
    case "path-in":
      return `resource in Aegis::Resource::${quote(atom.path)}`;
    case "path-equals":
      // A forbid with a star is read back only where it is plain that no pattern is meant.
      if (atom.path.includes("*")) return `resource.path like ${quotePattern([atom.path])}`;
      return `resource.path == ${quote(atom.path)}`;
    case "path-like":
      return `resource.path like ${quotePattern(atom.parts)}`;
    case "host-equals":
      return `resource has host && resource.host == ${quote(atom.host)}`;
    case "host-like":
      return `resource has host && resource.host like ${quotePattern(atom.parts)}`;
    case "host-cidr":
      return `resource has ip && resource.ip.isInRange(ip(${quote(`${atom.address}/${atom.bits}`)}))`;
    case "protocol":
      return `resource has protocol && resource.protocol == ${quote(atom.protocol)}`;
    case "port":
      return `resource has port && resource.port ${atom.op} ${atom.port}`;
  }
}

/** A Cedar string literal. */
export function quote(text: string): string {
  return `"${escapeText(text)}"`;
}

/** The literal pieces of a pattern as Cedar writes it; a star that is meant as one is escaped. */
export function quotePattern(parts: readonly string[]): string {
  return `"${parts.map((part) => escapeText(part).replaceAll("*", "\\*")).join("*")}"`;
}

function escapeText(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replace(/\p{Cc}/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}
