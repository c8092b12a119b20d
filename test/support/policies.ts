// Policies compiled for tests, and attempts in as few words as a table row can take.

import type { Attempt } from "../../src/model/attempt.ts";
import type { Capabilities } from "../../src/model/capability.ts";
import type { PolicySource } from "../../src/model/policy-snapshot.ts";
import { actionNamed, resourceNamed } from "../../src/policy/attempt.ts";
import {
  type CompiledPolicy,
  type CompileRequest,
  compilePolicy,
} from "../../src/policy/compile.ts";
import { noControlSockets } from "../../src/policy/control-sockets.ts";
import { type Decider, prepareDecider } from "../../src/policy/decide.ts";
import { diagnosticText } from "../../src/policy/diagnostic.ts";
import { type PolicyLayers, policySources } from "../../src/policy/layers.ts";
import { testCedar } from "./cedar.ts";

export const testPlaces = {
  workspace: "/home/ada/project",
  home: "/home/ada",
  tmp: "/tmp/aegis",
} as const;

export const noFlags: Capabilities = { version: 1, capabilities: [] };

/** `FileRead /x`, `NetConnect example.com:443`. */
export function attemptOf(text: string, agent = "agent"): Attempt {
  const [name = "", ...rest] = text.split(" ");
  const action = actionNamed(name);
  const resource = action && resourceNamed(action, rest.join(" "), testPlaces.workspace);
  if (action === undefined || resource === undefined) throw new Error(`no attempt: ${text}`);
  return { action, agent, resource };
}

export function cedarSource(text: string, name = "policy.cedar"): PolicySource {
  return { kind: "cedar", name, text };
}

export async function compiled(
  sources: readonly PolicySource[],
  options: Partial<CompileRequest> = {},
): Promise<CompiledPolicy> {
  const result = await compilePolicy({
    cedar: async () => testCedar(),
    sources,
    places: testPlaces,
    ...options,
  });
  if (!result.ok) throw new Error(result.error.map(diagnosticText).join("\n"));
  return result.value;
}

export async function deciderOf(
  sources: readonly PolicySource[],
  options: Partial<CompileRequest> = {},
): Promise<Decider> {
  const { capabilities, decisionPermits } = await compiled(sources, options);
  return prepareDecider(capabilities, decisionPermits);
}

/** Everything a launch adds to a policy, with what a row of a test changes. */
export function layersOf(layers: Partial<PolicyLayers> = {}): readonly PolicySource[] {
  return policySources({
    platform: "linux",
    templates: [],
    files: [],
    profiles: [],
    manifests: [],
    flags: noFlags,
    protections: {
      ownPaths: ["/home/ada/.aegis", "/usr/local/bin/aegis"],
      ownSecrets: ["/home/ada/.aegis/keys"],
      repository: undefined,
      names: true,
      credentials: true,
      sockets: noControlSockets,
    },
    ...layers,
  });
}
