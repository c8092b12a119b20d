// What a server counts about itself, and where it looks when somebody asks. No label holds a
// tenant, a session, a tool or a path: their number is whatever callers like.

import { readdirSync } from "node:fs";
import { approvalRecordPages, readApproval } from "../../app/serve/approval-requests.ts";
import { aegisVersion } from "../../base/version.ts";
import { isWaiting } from "../../control/approvals/router.ts";
import { type Decide, reasonCodes, type ToolDecision } from "../../control/decide/decision.ts";
import type { ControlLog } from "../../ledger/control/contract.ts";
import { type Counter, createRegistry, type Histogram, type Registry } from "./text.ts";

export interface ServerMetrics {
  answered(request: { method: string; route: string; status: number; seconds: number }): void;
  decided(decision: ToolDecision): void;
  /** What the MCP proxy beside the server decided about. */
  proxied(ended: { method: string; result: string; seconds: number }): void;
  /** One more client of a stream, until its request is over. */
  streaming(signal: AbortSignal): void;
  /** Counts what is stored through it. */
  log(log: ControlLog): ControlLog;
  /** Measures what is decided through it; of one answer there may be several tries. */
  decide(decide: Decide): Decide;
  text(): Promise<string>;
}

export interface MetricSources {
  readonly log: ControlLog;
  /** Seals records of approvals. */
  readonly secret: Uint8Array;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly spansLost: () => number;
  readonly webhooks: (() => Readonly<Record<string, number>>) | undefined;
}

const methods: ReadonlySet<string> = new Set("GET HEAD POST PUT PATCH DELETE OPTIONS".split(" "));
const secondsBounds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** Words of a policy of one's own; ours has ten. */
const reasonsMax = 32;
/** Counting approvals reads all of them; each that comes or is decided is an event as well. */
const approvalsKeptMs = 5000;

export function createServerMetrics(sources: MetricSources): ServerMetrics {
  const { monotonicMs } = sources;
  const registry = createRegistry();
  const requests = registry.counter("aegis_http_requests_total", "Requests that were answered.");
  const seconds = registry.histogram(
    "aegis_http_request_duration_seconds",
    "Time from a request to its answer.",
    secondsBounds,
  );
  const decisions = registry.counter("aegis_decisions_total", "Tool calls that were decided.");
  const decideSeconds = registry.histogram(
    "aegis_decide_duration_seconds",
    "Time the tool policy took for a call.",
    secondsBounds,
  );
  const events = registry.counter(
    "aegis_events_total",
    "Events that clients sent, by what became of them.",
  );
  const stored = remembered((result: string) => events.of({ result }));
  const seriesOf = seriesOfRoutes(requests, seconds);
  const reasonOf = boundedWords(reasonCodes, reasonsMax);
  let clients = 0;
  addGauges(registry, sources, () => clients);

  function decided({ outcome, reason }: ToolDecision): void {
    decisions.add({ outcome, reason: reasonOf(reason) });
  }

  return {
    answered({ method, route, status, seconds: took }) {
      const { times, answers } = seriesOf(route);
      answers(methods.has(method) ? method : "other")(status).add();
      times.observe(took);
    },
    decided,
    proxied: proxiedIn(registry),
    streaming(signal) {
      clients += 1;
      signal.addEventListener("abort", () => (clients -= 1), { once: true });
    },
    log: (inner) => ({
      ...inner,
      append: (sent) =>
        inner.append(sent).then((outcomes) => {
          for (const { kind } of outcomes) stored(kind).add();
          return outcomes;
        }),
    }),
    decide: (inner) => async (input) => {
      const began = monotonicMs();
      const decision = await inner(input);
      decideSeconds.observe({}, (monotonicMs() - began) / 1000);
      return decision;
    },
    text: () => registry.text(),
  };
}

function proxiedIn(registry: Registry): ServerMetrics["proxied"] {
  const requests = registry.counter(
    "aegis_mcp_requests_total",
    "MCP requests that were decided about, by how they ended.",
  );
  const durations = registry.histogram(
    "aegis_mcp_request_duration_seconds",
    "Time from an MCP request to its answer, people's decisions included.",
    secondsBounds,
  );
  return ({ method, result, seconds }) => {
    requests.add({ method, result });
    durations.observe({ method }, seconds);
  };
}

/** What is looked at when somebody asks. */
function addGauges(
  registry: Registry,
  { log, secret, nowMs, spansLost, webhooks }: MetricSources,
  clients: () => number,
): void {
  const startedMs = nowMs();
  const one = (name: string, help: string, read: () => number | Promise<number>): void =>
    registry.gauge(name, help, async () => [{ labels: {}, value: await read() }]);
  const version = [{ labels: { version: aegisVersion }, value: 1 }];
  registry.gauge("aegis_build_info", "The version that runs.", () => version);
  // Monitoring has most to ask while the ledger is away: then it has the rest.
  const ofLedger = (name: string, help: string, read: () => Promise<number>): void =>
    registry.gauge(name, help, async () =>
      read().then(
        (value) => [{ labels: {}, value }],
        () => [],
      ),
    );
  one("aegis_ledger_up", "1 when the ledger can be read, else 0.", () =>
    log.size().then(
      () => 1,
      () => 0,
    ),
  );
  ofLedger("aegis_ledger_events", "Events in the ledger.", () => log.size());
  ofLedger("aegis_ledger_head_index", "Index of its latest event, -1 for none.", async () => {
    return (await log.size()) - 1;
  });
  const pending = pendingOf({ log, secret, nowMs });
  ofLedger("aegis_approvals_pending", "Tool calls that wait for a person.", pending);
  one("aegis_stream_clients", "Clients of event streams.", clients);
  registry.gauge("aegis_webhook_deliveries", "Calls that wait, by whether it was told.", () =>
    Object.entries(webhooks?.() ?? {}).map(([result, value]) => ({ labels: { result }, value })),
  );
  one("aegis_telemetry_spans_lost", "Spans that could not be written or sent.", spansLost);
  one("process_start_time_seconds", "When the process started.", () => startedMs / 1000);
  one("process_resident_memory_bytes", "Memory it holds.", () => process.memoryUsage.rss());
  one("process_cpu_seconds_total", "Time it computed.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  one("process_open_fds", "Descriptors it holds.", () => readdirSync("/dev/fd").length);
}

/** As the list of what waits says: a record that no server sealed is none. */
function pendingOf({
  log,
  secret,
  nowMs,
}: Pick<MetricSources, "log" | "secret" | "nowMs">): () => Promise<number> {
  let known = { atMs: Number.NEGATIVE_INFINITY, size: -1, count: 0 };
  return async () => {
    const now = nowMs();
    const size = await log.size();
    if (size === known.size && Math.abs(now - known.atMs) < approvalsKeptMs) return known.count;
    let count = 0;
    for await (const page of approvalRecordPages(log, "")) {
      for (const { json } of page) {
        // Most are decided, and a seal takes longer to check than this to be seen.
        const approval = json.includes('"PENDING"') ? readApproval(json, secret) : undefined;
        if (approval !== undefined && isWaiting(approval, now)) count += 1;
      }
    }
    known = { atMs: now, size, count };
    return count;
  };
}

/** Looked up for each request: by routes as they are declared, methods and statuses. */
function seriesOfRoutes(requests: Counter, seconds: Histogram) {
  return remembered((route: string) => ({
    times: seconds.of({ route }),
    answers: remembered((method: string) =>
      remembered((status: number) => requests.of({ method, route, status: String(status) })),
    ),
  }));
}

/** What was made of each; for few. */
function remembered<K, V>(make: (key: K) => V): (key: K) => V {
  const all = new Map<K, V>();
  return (key) => {
    const known = all.get(key);
    if (known !== undefined) return known;
    const made = make(key);
    all.set(key, made);
    return made;
  };
}

/** The first so many of the words that are met, and `other` for all that come later. */
function boundedWords(known: readonly string[], most: number): (word: string) => string {
  const met = new Set(known);
  return (word) => {
    if (met.has(word)) return word;
    if (met.size >= known.length + most || word.length > 64) return "other";
    met.add(word);
    return word;
  };
}
