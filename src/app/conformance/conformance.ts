// `aegis conformance run`: asks a control plane what the tests of a pack ask, and reports. The
// server is under test, so nothing it sends is believed to have a form or an end.

import { readFileSync } from "node:fs";
import baselineSafety from "../../../conformance/packs/baseline-safety.yaml" with { type: "text" };
import handoff from "../../../conformance/packs/handoff-correctness.yaml" with { type: "text" };
import kernel from "../../../conformance/packs/kernel.yaml" with { type: "text" };
import pathTraversal from "../../../conformance/packs/path-traversal.yaml" with { type: "text" };
import promptInjection from "../../../conformance/packs/prompt-injection.yaml" with {
  type: "text",
};
import replay from "../../../conformance/packs/replay-determinism.yaml" with { type: "text" };
import telemetry from "../../../conformance/packs/telemetry-no-egress.yaml" with { type: "text" };
import { canonicalJson } from "../../base/canonical-json.ts";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { type Pack, parsePack } from "../../control/conformance/pack.ts";
import {
  type Answer,
  judgeAnswer,
  type PackReport,
  reportOf,
  type TestReport,
} from "../../control/conformance/report.ts";
import { clientTls, type ServerAccess, socketBase, socketPath } from "../control-client.ts";
import type { Surroundings } from "../surroundings.ts";
import { askBox } from "./box.ts";

/** In the order they are run. */
const shipped: Readonly<Record<string, string>> = {
  "baseline-safety": baselineSafety,
  "prompt-injection": promptInjection,
  "path-traversal": pathTraversal,
  "telemetry-no-egress": telemetry,
  "replay-determinism": replay,
  "handoff-correctness": handoff,
  kernel,
};

export const shippedPacks: readonly string[] = Object.keys(shipped);
/** What is run where no pack is named: this machine's kernel is no part of a control plane. */
const serverPacks = shippedPacks.filter((name) => name !== "kernel");

export interface ConformanceOptions extends Omit<ServerAccess, "apiKeyFile"> {
  /** Name of a shipped pack or a file; undefined: every shipped one. */
  readonly pack: string | undefined;
  /** Name of the variable that holds the API key. */
  readonly keyVariable: string | undefined;
}

/** @throws {AegisError} when there is nothing to ask or nobody to be asked */
export async function runConformance(
  { pack, server, keyVariable, ...files }: ConformanceOptions,
  around: Surroundings,
): Promise<readonly PackReport[]> {
  const packs = pack === undefined ? serverPacks.map(shippedPack) : [named(pack, around)];
  const unix = socketPath(server, around.directory);
  const address = unix === undefined ? addressOf(server) : `unix:${unix}`;
  const base = unix === undefined ? address : socketBase;
  const tls = clientTls(new URL(address), files, around.directory);
  const headers = { "Content-Type": "application/json", ...keyHeader(keyVariable, around) };
  const reports: PackReport[] = [];
  for (const one of packs) {
    const results: TestReport[] = [];
    for (const test of one.tests) {
      const answer =
        test.box === undefined
          ? await ask(`${base}/v1/policy/decide`, canonicalJson(test.request), {
              headers,
              ...tls,
              ...(unix === undefined ? {} : { unix }),
            })
          : await askBox(test.box, test.expect, around);
      results.push(judgeAnswer(one, test, answer));
    }
    const isAsked = one.tests.some(({ request }) => request !== undefined);
    const server = isAsked ? address : "";
    reports.push(reportOf(one, results, { server, nowMs: around.clock.nowUnixMs() }));
  }
  return reports;
}

function named(pack: string, { directory }: Surroundings): Pack {
  if (Object.hasOwn(shipped, pack)) return shippedPack(pack);
  if (!/[/.]/.test(pack)) {
    throw new AegisError("usage", `Cannot find the pack "${pack}": it is none that is shipped`, {
      hint: `name one of ${shippedPacks.join(", ")}, or a file`,
    });
  }
  const file = resolvePath(directory, pack);
  const read = parsePack(readText(file));
  if (read.ok) return read.value;
  throw new AegisError("config/invalid", `Cannot use the pack "${file}": ${read.error}`);
}

function shippedPack(name: string): Pack {
  const read = parsePack(shipped[name] ?? "");
  if (read.ok) return read.value;
  throw new Error(`broken invariant: the pack "${name}": ${read.error}`);
}

function readText(file: AbsPath): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new AegisError("config/not-found", `Cannot read the pack "${file}"`, { cause });
  }
}

function addressOf(text: string): string {
  const url = URL.parse(text);
  const isWeb = url !== null && (url.protocol === "http:" || url.protocol === "https:");
  if (isWeb && `${url.username}${url.password}${url.search}${url.hash}` === "") {
    return url.href.replace(/\/+$/, "");
  }
  throw new AegisError(
    "usage",
    `Cannot ask "${text}": it is no http or https address, and no unix:PATH`,
    {
      hint: "give an address such as http://127.0.0.1:8080",
    },
  );
}

function keyHeader(
  variable: string | undefined,
  { environment }: Surroundings,
): Readonly<Record<string, string>> {
  if (variable === undefined) return {};
  const key = environment[variable] ?? "";
  if (/^[\x21-\x7e]+$/.test(key)) return { Authorization: `Bearer ${key}` };
  throw new AegisError("usage", `Cannot use the variable "${variable}": it holds no API key`);
}

const timeoutMs = 10_000;
const answerSizeMax = 1024 * 1024;

async function ask(url: string, body: string, how: BunFetchRequestInit): Promise<Answer> {
  let text: string;
  try {
    // Not followed: a key must not go where a server points.
    const redirect = "manual";
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { ...how, method: "POST", body, redirect, signal });
    text = await boundedText(response);
    if (response.status !== 200) return failure(`http: status ${response.status}`);
  } catch (error) {
    return failure(`http: ${error instanceof Error ? error.message : String(error)}`);
  }
  return decisionOf(text);
}

async function boundedText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > answerSizeMax) throw new Error(`the answer is larger than ${answerSizeMax} bytes`);
    pieces.push(piece);
  }
  return new TextDecoder().decode(Buffer.concat(pieces));
}

function decisionOf(text: string): Answer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return failure("decode response: it is no JSON");
  }
  if (typeof value === "object" && value !== null && "outcome" in value && "reason" in value) {
    const { outcome, reason } = value;
    if (typeof outcome === "string" && typeof reason === "string") {
      return { kind: "decision", outcome, reason };
    }
  }
  return failure("decode response: outcome or reason is no text");
}

function failure(error: string): Answer {
  return { kind: "failure", error };
}
