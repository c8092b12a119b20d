// The command of a launch against the lists of programs it is launched under. The box would refuse
// it as well; this says so before there is one, with the smallest thing that helps.

import { AegisError } from "../../base/errors.ts";
import { absPath } from "../../base/paths.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import { programsNamed } from "../../supervise/find-program.ts";
import { policyDisk } from "../policy/disk.ts";
import type { PolicySubject } from "./prepare-box.ts";

/** @throws {AegisError} `launch/refused` when a list does not name `program` */
export function requireListed(subject: PolicySubject, program: string): void {
  const { options, around, path, places } = subject;
  if (options.exec.length > 0 && !isListed(program, options.exec, around.directory, path)) {
    throw refusal(program, "--exec", `add --exec ${options.command[0] ?? program}`);
  }
  for (const manifest of subject.subject.texts.manifests) {
    const bins = allowedBins(manifest);
    if (bins === undefined || isListed(program, bins, places.workspace, path)) continue;
    const field = "permissions.exec.allowed_bins";
    throw refusal(program, `${field} of "${manifest.name}"`, `add "${program}" to ${field}`);
  }
}

function isListed(
  program: string,
  names: readonly string[],
  directory: string,
  path: string,
): boolean {
  const wanted = policyDisk.realPath(program) ?? program;
  return names.some((name) => {
    const place = name.includes("/") ? absolute(name, directory) : name;
    return programsNamed(place, path).some((found) => policyDisk.realPath(found) === wanted);
  });
}

function absolute(name: string, directory: string): string {
  return absPath(name.startsWith("/") ? name : `${directory}/${name}`) ?? "";
}

/** Undefined when the manifest does not say; what is wrong with one is told when it is compiled. */
function allowedBins({ text }: PolicySource): readonly string[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // ignored: a text that is none has no list
    return undefined;
  }
  const bins = member(member(member(json, "permissions"), "exec"), "allowed_bins");
  return Array.isArray(bins) ? bins.filter((bin) => typeof bin === "string") : undefined;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function refusal(program: string, list: string, hint: string): AegisError {
  return new AegisError(
    "launch/refused",
    `Cannot run "${program}": it is not in the list of programs given by ${list}`,
    { hint },
  );
}
