// Which requests MCP has, in the versions of both eras, and who sends them. What is none of them
// passes in no direction: its receiver may take the method for another one ("tools/call ",
// "Tools/Call"), and would do what nobody decided about. Pure.

import { AegisError } from "../base/errors.ts";

export type Side = "client" | "server";

const known: Readonly<Record<Side, ReadonlySet<string>>> = {
  client: new Set([
    ...["initialize", "ping", "server/discover"],
    ...["tools/list", "tools/call"],
    ...["resources/list", "resources/templates/list", "resources/read"],
    ...["resources/subscribe", "resources/unsubscribe", "subscriptions/listen"],
    ...["prompts/list", "prompts/get"],
    ...["completion/complete", "logging/setLevel"],
    ...["tasks/get", "tasks/result", "tasks/list", "tasks/cancel", "tasks/update"],
  ]),
  server: new Set([
    ...["ping", "roots/list", "sampling/createMessage", "elicitation/create"],
    ...["tasks/get", "tasks/result", "tasks/list", "tasks/cancel"],
  ]),
};

/** Of methods that a person lets pass. */
const passedLengthMax = 100;

/**
 * @param passed by whoever runs the proxy, in both directions
 * @returns why a request with this method goes to nobody
 */
export function unknownMethod(
  side: Side,
  method: string,
  passed: readonly string[],
): string | undefined {
  if (known[side].has(method) || passed.includes(method)) return undefined;
  const named = JSON.stringify(method.slice(0, passedLengthMax));
  return `method not found: the proxy knows no request ${named} of a ${side}; --pass-method (mcp_methods of aegis.yaml) lets one pass`;
}

/**
 * Nobody can let pass by another spelling what is decided about.
 * @throws {AegisError} `usage`
 */
export function passedMethods(methods: readonly string[]): readonly string[] {
  for (const method of methods) {
    const plain = method.trim().toLowerCase();
    const own = [...known.client, ...known.server].find((one) => one.toLowerCase() === plain);
    const isMethod = method !== "" && method.length <= passedLengthMax;
    if (isMethod && own === undefined) continue;
    const why = own === undefined ? "it is no method" : `MCP has "${own}"`;
    throw new AegisError("usage", `Cannot let a request ${JSON.stringify(method)} pass: ${why}`, {
      hint: "name methods that MCP does not have",
    });
  }
  return methods;
}
