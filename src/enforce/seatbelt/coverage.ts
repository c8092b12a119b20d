// What macOS holds of each protection, told without flattery. Pure.

import type { Capability, PathAction } from "../../model/capability.ts";
import type { Coverage, CoverageRow, Protection } from "../../model/coverage.ts";
import type { AuditLevel } from "../backend.ts";

export interface CoverageInput {
  /** Those that apply to the agent. */
  readonly capabilities: readonly Capability[];
  readonly audit: AuditLevel;
  readonly observeOnly: boolean;
  readonly tellsIoctls: boolean;
  /** Connections go through the gateway. */
  readonly byName: boolean;
  /** The folder for temporary files; undefined: the policy grants none. */
  readonly temporary: string | undefined;
}

const by = "Seatbelt";

export function seatbeltCoverage(input: CoverageInput): Coverage {
  const rows = [...confinementRows(input), auditRow(input)];
  if (!input.observeOnly) return rows;
  return rows.map((row) =>
    row.protection === "audit" ? row : { ...row, level: "not-asked", by: "", why: "" },
  );
}

function confinementRows(input: CoverageInput): CoverageRow[] {
  const { capabilities, tellsIoctls } = input;
  const grants = (action: "NetConnect" | PathAction) => grantsAll(capabilities, action);
  const hasForbid = capabilities.some(({ effect }) => effect === "forbid");
  const everyFile = (["FileRead", "FileWrite", "FileDelete"] as const).every(grants);
  return [
    asked("filesystem", !everyFile),
    weaker("filesystem-metadata", "names, sizes and times of all files can be seen"),
    asked("deny-inside-allow", hasForbid),
    asked("protected-names", hasForbid),
    asked("exec", !grants("ProcessSpawn")),
    asked("exec-inside-allow", hasForbid),
    input.byName ? throughGateway : asked("network", !grants("NetConnect")),
    asked("unix-sockets", !grants("FileWrite")),
    weaker("processes", "a process that detaches outlives the command, still confined"),
    enforced("signals"),
    weaker("ipc", "POSIX semaphores are shared with the rest of the machine"),
    temporaryFiles(input),
    enforced("system-calls"),
    tellsIoctls
      ? enforced("terminal")
      : weaker("terminal", "typing into the terminal can be denied from macOS 13 on"),
    { ...enforced("environment"), by: "DYLD_* and BUN_* removed, no inherited descriptors" },
  ];
}

function temporaryFiles({ temporary }: CoverageInput): CoverageRow {
  const protection = "temporary-files";
  if (temporary !== undefined)
    return { protection, level: "enforced", by: `folder ${temporary}`, why: "" };
  const why = "the policy grants no place for temporary files";
  return { protection, level: "not-asked", by: "", why };
}

/** Nothing is missing of what the policy forbids; what it grants, not every program can use. */
const throughGateway: CoverageRow = {
  protection: "network",
  level: "enforced",
  by: "Seatbelt leaves only the gateway: programs that use no proxy get no network",
  why: "",
};

function auditRow({ audit }: CoverageInput): CoverageRow {
  if (audit === "off") return { protection: "audit", level: "not-asked", by: "", why: "" };
  return {
    protection: "audit",
    level: "weaker",
    by: "unified log, FSEvents",
    why: "macOS reports denials and changes; allowed reads, runs and connections leave no row",
  };
}

/** True when everything of that kind is granted, so that there is nothing to hold. */
function grantsAll(
  capabilities: readonly Capability[],
  action: "NetConnect" | PathAction,
): boolean {
  const about = capabilities.filter(({ actions }) => actions.includes(action));
  const isOpen = about.some(({ effect, where }) => effect === "permit" && where.length === 0);
  return isOpen && about.every(({ effect }) => effect === "permit");
}

function asked(protection: Protection, isAsked: boolean): CoverageRow {
  return isAsked ? enforced(protection) : { protection, level: "not-asked", by: "", why: "" };
}

function enforced(protection: Protection): CoverageRow {
  return { protection, level: "enforced", by, why: "" };
}

function weaker(protection: Protection, why: string): CoverageRow {
  return { protection, level: "weaker", by, why };
}
