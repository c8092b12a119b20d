// A conformance pack: what a control plane has to answer to given questions. Packs are YAML files
// of this project or of its users; a file that is not exactly of this shape is refused, because a
// test that is read wrongly proves nothing.

import { canonicalJson } from "../../base/canonical-json.ts";
import { AegisError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { JsonObject } from "../../model/event.ts";
import { outcomes } from "../decide/decision.ts";
import { type BoxProgram, readBoxProgram } from "./box-program.ts";

export interface Pack {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly tests: readonly [PackTest, ...PackTest[]];
}

export interface PackTest {
  readonly id: string;
  /** The requirement that is violated when the test fails. */
  readonly requirement: string;
  readonly description: string;
  /** Body of a question to a control plane: `event`, `snapshot`, `manifest`. */
  readonly request?: JsonObject;
  /** Instead of a question: a program that is tried in a box. */
  readonly box?: BoxProgram;
  readonly expect: Expectation;
}

export interface Expectation {
  readonly outcome: string;
  /** Part of the reason; empty: any. */
  readonly reason: string;
  /** Of a box: the row of the ledger that is meant, by action and resource. */
  readonly action?: string;
  readonly resource?: string;
  /** Exit status of the program; absent: any. */
  readonly status?: number;
}

/** It stands in addresses and Markdown. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$/;

type Fields = Readonly<Record<string, unknown>>;

/** The pack, or what is wrong with it. */
export function parsePack(text: string): Result<Pack, string> {
  let decoded: unknown;
  try {
    decoded = Bun.YAML.parse(text);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
  if (!isRecord(decoded)) return err("it is no mapping");
  const { name, description = "", version = "", tests } = decoded;
  const wrong =
    unknownField(decoded, ["name", "description", "version", "tests"]) ??
    wrongText({ name, description, version }, ["name"]);
  if (wrong !== undefined) return err(wrong);
  if (!namePattern.test(String(name))) {
    return err('"name" may hold letters, digits, spaces, dots, dashes and underscores only');
  }
  if (!Array.isArray(tests) || tests.length === 0) return err('there is no list "tests"');
  const read: PackTest[] = [];
  for (const [at, entry] of tests.entries()) {
    const test = readTest(entry, String(name));
    if (typeof test === "string") return err(`test ${at + 1}: ${test}`);
    if (read.some(({ id }) => id === test.id)) return err(`the test "${test.id}" is there twice`);
    read.push(test);
  }
  const [first, ...rest] = read;
  if (first === undefined) return err('there is no list "tests"');
  const about = { description: String(description), version: String(version) };
  return ok({ name: String(name), ...about, tests: [first, ...rest] });
}

/** The test, or what is wrong with it. */
function readTest(entry: unknown, packName: string): PackTest | string {
  if (!isRecord(entry)) return "it is no mapping";
  const { id, pack = packName, req_id, description = "", request, box, expect } = entry;
  const wrong =
    unknownField(entry, ["id", "pack", "req_id", "description", "request", "box", "expect"]) ??
    wrongText({ id, req_id, pack, description }, ["id", "req_id"]);
  if (wrong !== undefined) return wrong;
  if (pack !== packName) return `it is of the pack "${pack}"`;
  if (!isRecord(expect)) return '"expect" is no mapping';
  const about = {
    id: String(id),
    requirement: String(req_id),
    description: String(description),
  };
  if (box !== undefined) return request === undefined ? readBoxTest(about, box, expect) : both;
  if (!isRecord(request)) return '"request" is no mapping';
  const problem = requestProblem(request) ?? expectProblem(expect, ["outcome", "reason"]);
  if (problem !== undefined) return problem;
  return {
    ...about,
    request: request as JsonObject,
    expect: { outcome: lower(expect.outcome), reason: String(expect.reason ?? "") },
  };
}

const both = 'it has both a "request" and a "box"';

function readBoxTest(
  about: Pick<PackTest, "id" | "requirement" | "description">,
  box: unknown,
  expect: Fields,
): PackTest | string {
  if (!isRecord(box)) return '"box" is no mapping';
  const { outcome, reason = "", action, resource, status } = expect;
  const problem =
    expectProblem(expect, ["outcome", "reason", "action", "resource", "status"]) ??
    wrongText({ action, resource }, ["action", "resource"]);
  if (problem !== undefined) return problem;
  if (lower(outcome) === "require_approval") return '"outcome" of a box is allow or deny';
  const isStatus = Number.isInteger(status) && Number(status) >= 0 && Number(status) <= 255;
  if (status !== undefined && !isStatus) return '"status" is no exit status';
  const program = readBoxProgram(box);
  if (typeof program === "string") return program;
  const row = { action: String(action), resource: String(resource) };
  const wanted = { outcome: lower(outcome), reason: String(reason), ...row };
  const ended = status === undefined ? {} : { status: Number(status) };
  return { ...about, box: program, expect: { ...wanted, ...ended } };
}

function requestProblem(request: Fields): string | undefined {
  const known = ["event", "snapshot", "manifest"];
  const unknown = unknownField(request, known);
  if (unknown !== undefined) return unknown;
  if (!isRecord(request.event)) return '"event" is no mapping';
  const other = known.find((name) => request[name] !== undefined && !isRecord(request[name]));
  if (other !== undefined) return `"${other}" is no mapping`;
  try {
    canonicalJson(request);
  } catch (error) {
    if (error instanceof AegisError) return `"request" is no JSON: ${error.message}`;
    throw error;
  }
  return undefined;
}

function expectProblem(expect: Fields, known: readonly string[]): string | undefined {
  const { outcome, reason = "" } = expect;
  const wrong = unknownField(expect, known) ?? wrongText({ reason }, []);
  if (wrong !== undefined) return wrong;
  if (outcomes.some((one) => one === lower(outcome))) return undefined;
  return `"outcome" is none of ${outcomes.join(", ")}`;
}

function lower(word: unknown): string {
  return typeof word === "string" ? word.toLowerCase() : "";
}

function unknownField(fields: Fields, known: readonly string[]): string | undefined {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  return unknown === undefined ? undefined : `there is no field "${unknown}"`;
}

function wrongText(fields: Fields, required: readonly string[]): string | undefined {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === "") {
      if (required.includes(name)) return `"${name}" is missing`;
    } else if (typeof value !== "string") {
      return `"${name}" is no text`;
    }
  }
  return undefined;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
