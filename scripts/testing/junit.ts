// What a run of `bun test` proved, from its JUnit report. The report alone is not believed: a file
// that crashed is absent from it, and a test that ends the process leaves no report and exit status
// 0.

import { errorLines, sectionOf } from "./error-lines.ts";

export interface Failure {
  /** `file: group > name`, or what else went wrong. */
  readonly label: string;
  /** What was said of it, a few lines at most. */
  readonly said: readonly string[];
}

export interface Tally {
  readonly passed: number;
  readonly failures: readonly Failure[];
  readonly skips: readonly string[];
}

export interface TestRun {
  /** Content of the report; undefined when none was written. */
  readonly report: string | undefined;
  /** Files the run was asked for, as the report names them. */
  readonly files: readonly string[];
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** What the run printed. */
  readonly output: string;
}

/** Counts a run; whatever is unaccounted for is a failure. */
export function tally(run: TestRun): Tally {
  const { report, files, exitCode, timedOut, output } = run;
  const cases = report === undefined ? [] : parseCases(report);
  const failures: Failure[] = cases.filter(({ result }) => result === "failed");
  const fail = (label: string, text: string) =>
    failures.push({ label, said: errorLines(text, "end") });
  if (timedOut) fail("the group ran out of time", output);
  const seen = new Set(cases.map(({ file }) => file));
  for (const file of files.filter((name) => !seen.has(name)))
    fail(
      `${file}: no result, the file crashed or holds no test`,
      timedOut ? "" : sectionOf(output, file),
    );
  if (exitCode !== 0 && failures.length === 0)
    fail(`the test runner ended with status ${exitCode}`, output);
  return {
    passed: cases.filter(({ result }) => result === "passed").length,
    failures: failures.map(({ label, said }) => ({ label, said })),
    skips: cases.filter(({ result }) => result === "skipped").map(({ label }) => label),
  };
}

interface TestCase extends Failure {
  readonly file: string;
  readonly result: "passed" | "failed" | "skipped";
}

function parseCases(report: string): TestCase[] {
  const cases = /<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  return [...report.matchAll(cases)].map(([, attributes = "", body = ""]) => {
    const file = attribute(attributes, "file");
    const group = attribute(attributes, "classname");
    const name = attribute(attributes, "name");
    const label = `${file}: ${group === "" ? "" : `${group} > `}${name}`;
    const failed = /<(?:failure|error)\b([^>]*?)(?:\/>|>([\s\S]*?)<\/)/.exec(body);
    if (failed === null) {
      return { file, label, said: [], result: body.includes("<skipped") ? "skipped" : "passed" };
    }
    const [, told = "", text = ""] = failed;
    const said = errorLines(text === "" ? attribute(told, "message") : plain(text), "start");
    return { file, label, said, result: "failed" };
  });
}

function attribute(attributes: string, name: string): string {
  return plain(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

function plain(escaped: string): string {
  return escaped
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll("&amp;", "&");
}
