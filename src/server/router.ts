// Which operation a request is for, and what of it the operation is told.

import type { Operation } from "./api/operation.ts";
import { Refusal, type Route } from "./http.ts";
import { type Inputs, inputsOf } from "./validate.ts";

export interface Found {
  readonly route: Route;
  readonly inputs: Inputs;
  /** Parts of the path. */
  readonly params: Readonly<Record<string, string>>;
}

export interface Router {
  /** @throws {Refusal} 404, 405 */
  find(method: string, path: string): Found;
}

interface Known {
  readonly route: Route;
  readonly inputs: Inputs;
  readonly parts: readonly string[];
}

export function createRouter(routes: readonly Route[]): Router {
  const known = routes.map((route): Known => {
    const { operation } = route;
    return { route, inputs: inputsOf(operation), parts: operation.path.split("/") };
  });
  const fixed = new Map<string, Found>();
  for (const { route, inputs } of known) {
    const { method, path } = route.operation;
    if (!path.includes("{")) fixed.set(`${method} ${path}`, { route, inputs, params: {} });
  }
  return {
    find(method, path) {
      const wanted = method === "HEAD" ? "GET" : method;
      const found = fixed.get(`${wanted} ${path}`);
      if (found !== undefined) return found;
      const given = path.split("/");
      const there = known.filter(({ parts }) => fits(parts, given));
      // A path that is written out is meant, not one with a part that it happens to fit.
      const exact = there.filter(({ route }) => route.operation.path === path);
      const matching = exact.length > 0 ? exact : there;
      const one = matching.find(({ route }) => route.operation.method === wanted);
      if (one !== undefined) return { ...one, params: paramsOf(one.parts, given) };
      if (matching.length === 0) throw new Refusal("route_not_found", "404 page not found");
      throw notAllowed(matching.map(({ route }) => route.operation));
    },
  };
}

function fits(parts: readonly string[], given: readonly string[]): boolean {
  if (parts.length !== given.length) return false;
  return parts.every((part, at) => part.startsWith("{") || part === given[at]);
}

function paramsOf(
  parts: readonly string[],
  given: readonly string[],
): Readonly<Record<string, string>> {
  const params: Record<string, string> = {};
  for (const [at, part] of parts.entries()) {
    if (!part.startsWith("{")) continue;
    const name = part.slice(1, -1);
    params[name] = decoded(name, given[at] ?? "");
  }
  return params;
}

function decoded(name: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal("parameter_invalid", `${name} is not valid: it is no UTF-8`);
  }
}

function notAllowed(operations: readonly Operation[]): Refusal {
  const methods = operations.flatMap(({ method }) =>
    method === "GET" ? ["GET", "HEAD"] : [method],
  );
  const allowed = operations.map(({ method }) => method);
  const Allow = [...new Set(methods)].join(", ");
  return new Refusal("method_not_allowed", "Method Not Allowed", { allowed }, { Allow });
}
