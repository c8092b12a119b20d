// GET /metrics.

import { prometheusText } from "../api/operation.ts";
import { metrics } from "../api/service.ts";
import { Refusal, type Route, route } from "../http.ts";
import type { ServerMetrics } from "./server-metrics.ts";

export function metricsRoute(counted: ServerMetrics): Route {
  return route(metrics, async ({ caller }) => {
    if (caller.tenant !== undefined)
      throw new Refusal("tenant_forbidden", "this key is one tenant's, and these are all of them");
    return new Response(await counted.text(), { headers: { "Content-Type": prometheusText } });
  });
}
