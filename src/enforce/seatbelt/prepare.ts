// Capabilities to a profile this machine has accepted once: real paths, compile, a trial run of a
// program that does nothing. Names of operations and filters differ between releases of macOS, and
// a profile it cannot read would stop every launch.

import { AegisError } from "../../base/errors.ts";
import { contains } from "../../base/paths.ts";
import type { Action, Capability } from "../../model/capability.ts";
import { diagnosticText } from "../../policy/diagnostic.ts";
import { mentions } from "../../policy/move-place.ts";
import type { BoxRequest, PreparedBox } from "../backend.ts";
import { refuseIfBelow } from "../coverage.ts";
import { RecordingView } from "../linux/paths/disk-view.ts";
import { seatbeltCoverage } from "./coverage.ts";
import type { SeatbeltMachine } from "./machine.ts";
import { compileSeatbelt, type SeatbeltInput, type SeatbeltPlan } from "./plan.ts";
import { encodePrepared } from "./prepared.ts";
import { type RealCapabilities, realCapabilities } from "./real-paths.ts";
import { tryProfile } from "./trial.ts";

/**
 * @throws {AegisError} `policy/inexpressible` naming every clause; `enforce/insufficient` when the
 * machine refuses
 */
export async function prepareSeatbelt(
  machine: SeatbeltMachine,
  request: BoxRequest,
): Promise<PreparedBox> {
  if (request.hashPrograms === true) {
    const message = "Cannot record what is in programs: macOS does not tell when one is started";
    throw new AegisError("enforce/unsupported", message, { hint: "run without --exec-hash" });
  }
  if (request.asks === true)
    throw new AegisError(
      "enforce/insufficient",
      "Cannot ask about what is denied: Seatbelt answers at once, and widens no box that runs",
      { hint: "run without --ask" },
    );
  const { capabilities, audit, observeOnly } = request;
  const temporary = observeOnly ? undefined : ownFolder(request);
  const disk = new RecordingView(machine.disk);
  const real = realCapabilities(
    [...capabilities.capabilities, ...request.ownPaths.map(ownPathForbid)],
    disk,
  );
  const roots = observeOnly ? [request.workspace] : changedRoots(real.capabilities, request);
  const accepted = observeOnly ? undefined : await acceptedPlan(machine, request, real);
  const coverage = seatbeltCoverage({
    capabilities: real.capabilities.filter((one) => appliesTo(one, request.agent)),
    audit,
    observeOnly,
    tellsIoctls: accepted?.tellsIoctls ?? true,
    byName: accepted?.plan.byName ?? false,
    temporary,
  });
  // No Mac records more without Apple's Endpoint Security entitlement. Refusing for that would
  // teach people to pass --allow-weaker always, and with it to give up what can be had; the gap is
  // in the coverage of every session.
  const gating = coverage.filter(({ protection }) => protection !== "audit");
  refuseIfBelow(gating, request.allowWeaker);
  const { profile, denials = [] } = accepted?.plan ?? {};
  return {
    coverage,
    bytes: encodePrepared({ profile, denials, roots, audit }),
    facts: disk.facts(),
    temporary,
    network: accepted?.plan.byName === true ? capabilities : undefined,
  };
}

/** Seatbelt gives a box no place of its own, so it has the one of the request. */
function ownFolder({ capabilities, temporary }: BoxRequest): string | undefined {
  if (temporary === undefined) return undefined;
  const isGranted = capabilities.capabilities.some(
    (one) => one.effect === "permit" && mentions(one, temporary.path),
  );
  if (!isGranted) return undefined;
  temporary.make();
  return temporary.path;
}

interface AcceptedPlan {
  readonly plan: SeatbeltPlan;
  readonly tellsIoctls: boolean;
}

async function acceptedPlan(
  machine: SeatbeltMachine,
  request: BoxRequest,
  { capabilities, settled }: RealCapabilities,
): Promise<AcceptedPlan> {
  const wide = machine.ignoresCase(request.workspace) ? { settled } : "exact";
  const refusals: string[] = [];
  for (const tellsIoctls of [true, false]) {
    const plan = compiled({ capabilities, agent: request.agent, wide, tellsIoctls });
    const refusal = await tryProfile(machine, plan.profile);
    if (refusal === undefined) return { plan, tellsIoctls };
    refusals.push(refusal);
  }
  const [message] = refusals.slice(-1);
  throw new AegisError(
    "enforce/insufficient",
    `Cannot enforce the policy on this machine: sandbox-exec refuses its profile: ${message}`,
    { hint: "a sandbox cannot be started inside another one; outside of one, report this message" },
  );
}

function compiled(input: SeatbeltInput): SeatbeltPlan {
  const plan = compileSeatbelt(input);
  if (plan.ok) return plan.value;
  const told = plan.error.map(diagnosticText).join("; ");
  const hints = [...new Set(plan.error.map(({ hint }) => hint))].filter((hint) => hint !== "");
  throw new AegisError(
    "policy/inexpressible",
    `Cannot enforce the policy on macOS: ${told}`,
    hints.length === 0 ? {} : { hint: hints.join("; ") },
  );
}

const changes: readonly Action[] = ["FileWrite", "FileDelete", "DirCreate"];

/** Our own state and binary: no policy opens them for writing. */
function ownPathForbid(path: string): Capability {
  return {
    effect: "forbid",
    actions: changes,
    agent: undefined,
    where: [{ kind: "path-in", path, negated: false }],
    origin: { rule: "protected:aegis", source: "base", line: 0, column: 0 },
  };
}

/**
 * Directories the policy lets the agent change, outermost only; the workspace when it names none.
 */
function changedRoots(capabilities: readonly Capability[], request: BoxRequest): string[] {
  const granted = capabilities
    .filter((one) => one.effect === "permit" && appliesTo(one, request.agent))
    .filter(({ actions }) => actions.some((action) => changes.includes(action)))
    .flatMap(({ where }) =>
      where.flatMap((atom) => (atom.kind === "path-in" && !atom.negated ? [atom.path] : [])),
    )
    .filter((path) => path !== "/" && !contains("/dev", path));
  const roots = new Set(granted.length === 0 ? [request.workspace] : granted);
  return [...roots].filter((root) =>
    [...roots].every((other) => other === root || !contains(other, root)),
  );
}

function appliesTo({ agent }: Capability, name: string): boolean {
  return agent === undefined || agent === name;
}
