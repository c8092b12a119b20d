// What a run of `bun test` proved, from its JUnit report. The report alone is not believed: a file
// that crashed is absent from it, and a test that ends the process leaves no report and exit status
// 0.

export interface Tally {
  readonly passed: number;
  /** One line each. */
  readonly failures: readonly string[];
  readonly skips: readonly string[];
}

export interface TestRun {
  /** Content of the report; undefined when none was written. */
  readonly report: string | undefined;
  /** Files the run was asked for, as the report names them. */
  readonly files: readonly string[];
  readonly exitCode: number;
  readonly timedOut: boolean;
}

/** Counts a run; whatever is unaccounted for is a failure. */
export function tally(run: TestRun): Tally {
  const cases = run.report === undefined ? [] : parseCases(run.report);
  const failures = cases.filter(({ result }) => result === "failed").map(({ label }) => label);
  const seen = new Set(cases.map(({ file }) => file));
  for (const file of run.files)
    if (!seen.has(file)) failures.push(`${file}: no result, the file crashed or holds no test`);
  if (run.timedOut) failures.push("the group ran out of time");
  else if (run.exitCode !== 0 && failures.length === 0)
    failures.push(`the test runner ended with status ${run.exitCode}`);
  return {
    passed: cases.filter(({ result }) => result === "passed").length,
    failures,
    skips: cases.filter(({ result }) => result === "skipped").map(({ label }) => label),
  };
}

interface TestCase {
  readonly file: string;
  /** `file: group > name`. */
  readonly label: string;
  readonly result: "passed" | "failed" | "skipped";
}

function parseCases(report: string): TestCase[] {
  const cases = /<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  return [...report.matchAll(cases)].map(([, attributes = "", body = ""]) => {
    const file = attribute(attributes, "file");
    const group = attribute(attributes, "classname");
    const name = attribute(attributes, "name");
    const result = /<(failure|error)\b/.test(body)
      ? "failed"
      : body.includes("<skipped")
        ? "skipped"
        : "passed";
    return { file, label: `${file}: ${group === "" ? "" : `${group} > `}${name}`, result };
  });
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll("&amp;", "&");
}
