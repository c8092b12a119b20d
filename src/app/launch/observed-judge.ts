// What `wrap` writes about an access that nothing stopped: the verdict of its policy, marked as not
// enforced. A policy that permits everything needs no judge, and then no engine is loaded.

import type { AccessPayload } from "../../model/event.ts";
import type { PolicySnapshot } from "../../model/policy-snapshot.ts";
import { templateNamed } from "../../policy/templates.ts";
import type { PolicySubject } from "./prepare-box.ts";

export type Judge = (payload: AccessPayload) => AccessPayload;

/** @throws {AegisError} `policy/invalid` */
export async function observedJudge(
  subject: PolicySubject,
  snapshot: PolicySnapshot,
): Promise<Judge | undefined> {
  const { texts, agent } = subject.subject;
  const permitAll = templateNamed("permit-all")?.text;
  const isPermitAll = (text: string) => text === permitAll;
  const isWatching =
    texts.manifests.length === 0 &&
    texts.files.every(({ text }) => isPermitAll(text)) &&
    texts.templates.every((name) => name === "permit-all");
  if (isWatching) return undefined;
  const { compileSources } = await import("../policy/compile.ts");
  const { prepareDecider } = await import("../../policy/decide.ts");
  const compiled = await compileSources(snapshot.sources, subject.places, subject.path);
  const decider = prepareDecider(compiled.capabilities);
  return (payload) => {
    const { action, path, host, port } = payload;
    const protocol = payload.protocol === "dns" ? "udp" : payload.protocol;
    const verdict = decider.decide({ action, agent, resource: { path, host, port, protocol } });
    const decision = verdict.outcome === "allow" ? "allow" : "deny";
    const { reason, rule } = verdict;
    return { ...payload, decision, rule: rule?.rule ?? "", reason, enforced: false };
  };
}
