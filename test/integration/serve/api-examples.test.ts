// Every example of the OpenAPI document, run against the built server in the order in which it
// shows them. Members that differ each time are compared by their schema.

import { afterAll, describe, expect, test } from "bun:test";
import type { Example, Operation } from "../../../src/server/api/operation.ts";
import { operations } from "../../../src/server/api/operations.ts";
import { bodyText, targetOf } from "../../../src/server/curl.ts";
import { conditionMs } from "../../support/patience.ts";
import { serve } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";
import { anEvent, textStream } from "../../support/text-stream.ts";

const server = await serve(`${tempDir("examples")}/ledger.db`);
afterAll(() => server.stop());

/** What the server said where an example has a text that differs each time. */
const said = new Map<string, string>();

/** The example with what was really said before. */
function told<T>(value: T): T {
  let text = JSON.stringify(value) ?? "null";
  for (const [shown, real] of said) text = text.replaceAll(shown, real);
  return JSON.parse(text) as T;
}

async function exchange(operation: Operation, example: Example): Promise<Response> {
  const { headers = {}, body } = example;
  return fetch(`${server.url}${targetOf(operation, example)}`, {
    method: operation.method,
    headers,
    ...(body === undefined ? {} : { body: bodyText(operation, example) }),
    signal: AbortSignal.timeout(conditionMs),
  });
}

/** What it holds; of a stream the first event. */
async function contentOf(response: Response, type: string): Promise<unknown> {
  if (type === "application/x-ndjson") {
    const lines = (await response.text()).trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line) as unknown);
  }
  if (type === "text/event-stream") {
    const stream = textStream(response);
    const text = await stream.until(anEvent);
    await stream.cancel();
    return JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? "");
  }
  return type.endsWith("json") ? response.json() : response.text();
}

/** Puts the example's own values where the answer differs each time, and remembers both. */
function settled(answer: unknown, shown: unknown, volatile: readonly string[]): unknown {
  if (typeof answer !== "object" || answer === null) return answer;
  if (typeof shown !== "object" || shown === null) return answer;
  if (Array.isArray(answer)) {
    return answer.map((item, at) => settled(item, (shown as unknown[])[at], volatile));
  }
  const known = shown as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => {
      const wanted = known[name];
      if (!volatile.includes(name)) return [name, settled(value, wanted, volatile)];
      expect(typeof value).toBe(typeof wanted);
      if (typeof value === "string") said.set(String(wanted), value);
      return [name, wanted];
    }),
  );
}

describe.each(operations.map((one) => [one.id, one] as const))("%s", (_, operation) => {
  test.each(operation.examples.map((one) => [one.name, one] as const))("%s", async (_, shown) => {
    const example = { ...shown, ...told({ params: shown.params ?? {}, query: shown.query ?? {} }) };
    const response = await exchange(operation, example);
    const answer = operation.answers[response.status];
    const [first = "application/json"] = Object.keys(answer?.content ?? {});
    const type = shown.type ?? first;
    expect(response.headers.get("Content-Type")).toStartWith(type);
    const content = await contentOf(response, type);
    expect({ status: response.status }).toEqual({ status: shown.status });
    answer?.content[type]?.schema.parse(content);
    if (shown.answer === undefined) return;
    const wanted = told(shown.answer);
    expect(settled(content, wanted, shown.volatile ?? [])).toEqual(wanted);
  });
});

test("every operation shows at least one example, and no two have the same name", () => {
  for (const { id, examples } of operations) {
    const names = new Set(examples.map(({ name }) => name));
    expect([id, names.size > 0, names.size]).toEqual([id, true, examples.length]);
  }
});
