// Whole policies to start from. The first three are fixed by the reference documents word for word.

import allowReadOnly from "../../policies/templates/allow-read-only.cedar" with { type: "text" };
import allowReadWrite from "../../policies/templates/allow-read-write.cedar" with { type: "text" };
import ci from "../../policies/templates/ci.cedar" with { type: "text" };
import ciRunner from "../../policies/templates/ci-runner.cedar" with { type: "text" };
import dataScience from "../../policies/templates/data-science.cedar" with { type: "text" };
import defaultDeny from "../../policies/templates/default-deny.cedar" with { type: "text" };
import permitAll from "../../policies/templates/permit-all.cedar" with { type: "text" };
import workspace from "../../policies/templates/workspace.cedar" with { type: "text" };
import workspaceNet from "../../policies/templates/workspace-net.cedar" with { type: "text" };
import type { PolicySource } from "../model/policy-snapshot.ts";
import { type Platform, type ProfileName, profileSource, toolProfiles } from "./profiles.ts";

export interface Template {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  /** Cedar to print, to edit and to use as a file. */
  readonly text: string;
  /** Used along with it, beside the base profile. */
  readonly profiles: readonly ProfileName[];
}

export const templates: readonly Template[] = [
  {
    name: "default-deny",
    summary: "Blocks everything.",
    text: defaultDeny,
    profiles: [],
  },
  {
    name: "allow-read-only",
    summary: "Reads files, lists folders, runs programs; changes nothing.",
    text: allowReadOnly,
    profiles: [],
  },
  {
    name: "permit-all",
    summary: "Allows everything, for watching.",
    text: permitAll,
    profiles: [],
  },
  {
    name: "allow-read-write",
    summary: "Reads and changes files, runs programs; no network.",
    text: allowReadWrite,
    profiles: [],
  },
  {
    name: "ci-runner",
    summary: "Reads and changes files, runs programs; no network.",
    text: ciRunner,
    profiles: [],
  },
  {
    name: "data-science",
    summary: "Reads and changes files, runs programs, connects to any host.",
    text: dataScience,
    profiles: [],
  },
  {
    name: "workspace",
    summary: "Reads the system, works in one folder and a private tmp; no network.",
    text: workspace,
    profiles: toolProfiles,
  },
  {
    name: "workspace-net",
    summary: "The same, with connections to any host.",
    text: workspaceNet,
    profiles: toolProfiles,
  },
  {
    name: "ci",
    summary: "Reads everything, writes workspace, home and tmp, full network.",
    text: ci,
    profiles: toolProfiles,
  },
];

/** What `aegis run` uses when nothing else is said. */
export const defaultTemplate = "workspace";

export function templateNamed(name: string): Template | undefined {
  return templates.find((template) => template.name === name);
}

export function templateSource({ name, text }: Template): PolicySource {
  return { kind: "cedar", name: `template:${name}`, text };
}

/** The template and its profiles as one text that needs nothing else. */
export function wholeText(template: Template, platform: Platform): string {
  const names: readonly ProfileName[] = ["base", ...template.profiles];
  const profiles = names.map((name) => profileSource(name, platform).text);
  return [template.text, ...profiles].join("\n");
}
