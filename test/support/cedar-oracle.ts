// Cedar's own engine answers an attempt: the resource with the folders it lies in as its ancestors,
// as the schema describes.

import {
  type EntityJson,
  preparsePolicySet,
  statefulIsAuthorized,
} from "@cedar-policy/cedar-wasm/web";
import { isAddress } from "../../src/base/host.ts";
import type { Attempt } from "../../src/model/attempt.ts";
import type { Action } from "../../src/model/capability.ts";
import { quote } from "../../src/policy/cedar/print.ts";
import { classOf } from "../../src/policy/leaf.ts";
import type { Places } from "../../src/policy/places.ts";

const setId = "oracle";

type Answer = "allow" | "forbidden" | "unpermitted";

/**
 * Loads policies; the engine has to be open. What is handed back judges attempts by them until the
 * next call.
 */
export function cedarOracle(
  policies: readonly string[],
  places: Places,
): (attempt: Attempt) => "allow" | "deny" {
  const staticPolicies = Object.fromEntries(policies.map((text, index) => [`p${index}`, text]));
  const parsed = preparsePolicySet(setId, { staticPolicies });
  if (parsed.type === "failure") throw new Error(JSON.stringify(parsed.errors));
  const all = policies.join("\n");
  // What no policy mentions decides nothing, and turning entities into JSON is what takes time.
  const named = Object.entries(places).filter(([name]) =>
    new RegExp(`context(\\.| has )${name}\\b`).test(all),
  );
  const context = Object.fromEntries(named.map(([name, path]) => [name, reference(path)]));
  const placeEntities = named
    .filter(([name]) => all.includes(`context.${name}.path`))
    .map(([, path]) => entity(path, { path }, []));
  const mentions = (folder: string): boolean =>
    all.includes(quote(folder)) || Object.values(places).includes(folder);
  const ask = (attempt: Attempt, action: Action): Answer =>
    askEngine({ ...attempt, action }, { context, placeEntities, mentions });
  return (attempt) => {
    // A request is judged by the rules for requests and by those for connections, and a forbid in
    // either wins.
    const judged: readonly Action[] =
      attempt.action === "NetRequest" ? ["NetRequest", "NetConnect"] : [attempt.action];
    const answers = judged.map((action) => ask(attempt, action));
    if (answers.includes("forbidden")) return "deny";
    return answers.includes("allow") ? "allow" : "deny";
  };
}

function askEngine(
  { action, agent, resource }: Attempt,
  around: {
    readonly context: Record<string, ReturnType<typeof reference>>;
    readonly placeEntities: readonly EntityJson[];
    readonly mentions: (folder: string) => boolean;
  },
): Answer {
  const { path, host, port, protocol = "tcp" } = resource;
  const attributes = {
    path,
    ...(host === undefined ? {} : { host, protocol }),
    ...(host !== undefined && isAddress(host) ? { ip: { __extn: { fn: "ip", arg: host } } } : {}),
    ...(port === undefined ? {} : { port }),
  };
  const parents = classOf(action) === "path" ? foldersOf(path).filter(around.mentions) : [];
  const own = entity(path, attributes, parents);
  const answer = statefulIsAuthorized({
    principal: { type: "Aegis::Agent", id: agent },
    action: { type: "Aegis::Action", id: action },
    resource: { type: "Aegis::Resource", id: path },
    context: around.context,
    preparsedPolicySetId: setId,
    entities: [own, ...around.placeEntities.filter((place) => idOf(place) !== path)],
  });
  if (answer.type === "failure") throw new Error(JSON.stringify(answer.errors));
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) throw new Error(JSON.stringify(diagnostics.errors));
  if (decision === "allow") return "allow";
  return diagnostics.reason.length > 0 ? "forbidden" : "unpermitted";
}

function entity(id: string, attrs: EntityJson["attrs"], folders: readonly string[]): EntityJson {
  const uid = (name: string) => ({ type: "Aegis::Resource", id: name });
  return { uid: uid(id), attrs, parents: folders.map(uid) };
}

function idOf({ uid }: EntityJson): string {
  return "id" in uid ? uid.id : uid.__entity.id;
}

function reference(id: string) {
  return { __entity: { type: "Aegis::Resource", id } };
}

/** Every folder above a path. */
function foldersOf(path: string): string[] {
  if (path === "/") return [];
  const parts = path.split("/").slice(1, -1);
  return ["/", ...parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`)];
}
