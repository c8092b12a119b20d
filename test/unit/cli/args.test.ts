import { describe, expect, test } from "bun:test";
import { AegisError } from "../../../src/base/errors.ts";
import { type CommandSpec, parseArgs } from "../../../src/cli/args.ts";

const plain = {
  name: "query",
  summary: "",
  flags: {
    last: { kind: "number", value: "N", min: 1, max: 100, default: 20, summary: "" },
    page: { kind: "number", value: "N", min: 1, max: 100, summary: "" },
    decision: { kind: "choice", choices: ["allow", "deny"], summary: "" },
    search: { kind: "text", value: "TEXT", short: "s", summary: "" },
    tag: { kind: "list", value: "TAG", summary: "" },
    json: { kind: "switch", short: "j", summary: "" },
    quiet: { kind: "switch", isOverFile: true, summary: "" },
  },
  operands: { NAME: { required: true, summary: "" }, OTHER: { required: false, summary: "" } },
  launches: false,
  examples: ["x"],
} as const satisfies CommandSpec;

const launching = {
  ...plain,
  name: "launch",
  operands: {},
  launches: true,
} as const satisfies CommandSpec;

const defaults = {
  last: 20,
  page: undefined,
  decision: undefined,
  search: undefined,
  tag: [],
  json: false,
  quiet: undefined,
};

describe("parseArgs() accepts", () => {
  const rows = [
    { argv: ["a"], flags: {}, operands: { NAME: "a", OTHER: undefined } },
    { argv: ["a", "--quiet", "b"], flags: { quiet: true }, operands: { NAME: "a", OTHER: "b" } },
    { argv: ["--quiet=true", "a"], flags: { quiet: true }, operands: { NAME: "a" } },
    { argv: ["--quiet=false", "a"], flags: { quiet: false }, operands: { NAME: "a" } },
    { argv: ["a", "b"], flags: {}, operands: { NAME: "a", OTHER: "b" } },
    { argv: ["--last", "5", "a"], flags: { last: 5 }, operands: { NAME: "a", OTHER: undefined } },
    { argv: ["--last=5", "a"], flags: { last: 5 }, operands: { NAME: "a", OTHER: undefined } },
    {
      argv: ["a", "--search", "-x"],
      flags: { search: "-x" },
      operands: { NAME: "a", OTHER: undefined },
    },
    {
      argv: ["a", "--search=--x=y"],
      flags: { search: "--x=y" },
      operands: { NAME: "a", OTHER: undefined },
    },
    {
      argv: ["a", "-s", "x", "-j"],
      flags: { search: "x", json: true },
      operands: { NAME: "a", OTHER: undefined },
    },
    {
      argv: ["a", "--tag", "x", "--tag=y"],
      flags: { tag: ["x", "y"] },
      operands: { NAME: "a", OTHER: undefined },
    },
    {
      argv: ["--decision", "deny", "-"],
      flags: { decision: "deny" },
      operands: { NAME: "-", OTHER: undefined },
    },
    { argv: ["--", "--json"], flags: {}, operands: { NAME: "--json", OTHER: undefined } },
  ];
  for (const { argv, flags, operands } of rows) {
    test(argv.join(" "), () => {
      expect(parseArgs(plain, argv)).toEqual({
        flags: { ...defaults, ...flags },
        operands,
        command: [],
      } as never);
    });
  }

  const launches = [
    { argv: ["--", "ls", "--json"], json: false, command: ["ls", "--json"] },
    { argv: ["ls", "--json", "--", "x"], json: false, command: ["ls", "--json", "--", "x"] },
    { argv: ["--json", "--", "--", "x"], json: true, command: ["--", "x"] },
    { argv: ["--json", "ls", "--help"], json: true, command: ["ls", "--help"] },
  ];
  for (const { argv, json, command } of launches) {
    test(`a command to launch: ${argv.join(" ")}`, () => {
      const args = parseArgs(launching, argv);
      expect(args?.command).toEqual(command);
      expect(args?.flags.json).toBe(json);
    });
  }

  for (const argv of [["--help"], ["-h"], ["a", "b", "--help"], ["--last", "5", "-h"]]) {
    test(`a wish for help: ${argv.join(" ")}`, () => {
      expect(parseArgs(plain, argv)).toBeUndefined();
    });
  }
});

describe("parseArgs() refuses", () => {
  const rows = [
    { argv: ["a", "--jsn"], says: 'unknown flag "--jsn"', hint: 'did you mean "--json"?' },
    { argv: ["a", "--nothing-alike"], says: "unknown flag", hint: "--help" },
    { argv: ["a", "--JSON"], says: "unknown flag", hint: "--help" },
    { argv: ["a", "-z"], says: 'unknown flag "-z"', hint: "--help" },
    { argv: ["a", "-jz"], says: 'unknown flag "-jz"', hint: "--help" },
    { argv: ["a", "--constructor"], says: "unknown flag", hint: "--help" },
    { argv: ["a", "--json=true"], says: "is a switch", hint: "--help" },
    { argv: ["a", "--quiet=no"], says: "the choices are true, false", hint: "--help" },
    { argv: ["a", "--quiet="], says: "the choices are true, false", hint: "--help" },
    { argv: ["a", "--quiet=false", "--quiet"], says: "twice", hint: "--help" },
    { argv: ["a", "--no-json"], says: "unknown flag", hint: "--help" },
    { argv: ["a", "--search"], says: "TEXT is missing", hint: "--help" },
    { argv: ["a", "--search="], says: "TEXT is missing", hint: "--help" },
    { argv: ["a", "--search", "--json"], says: "TEXT is missing", hint: "--help" },
    { argv: ["a", "--search", "x", "--search", "y"], says: "twice", hint: "--help" },
    { argv: ["a", "--json", "--json"], says: "twice", hint: "--help" },
    { argv: ["a", "--last", "0"], says: "from 1 to 100", hint: "--help" },
    { argv: ["a", "--last", "101"], says: "from 1 to 100", hint: "--help" },
    { argv: ["a", "--last", "1e1"], says: "from 1 to 100", hint: "--help" },
    { argv: ["a", "--last", "-1"], says: "from 1 to 100", hint: "--help" },
    { argv: ["a", "--decision", "maybe"], says: "allow, deny", hint: "--help" },
    { argv: [], says: "NAME is missing", hint: "--help" },
    { argv: ["a", "b", "c"], says: 'unexpected argument "c"', hint: "--help" },
  ];
  for (const { argv, says, hint } of rows) {
    test(argv.join(" ") || "nothing", () => {
      const error = failure(() => parseArgs(plain, argv));
      expect(error.code).toBe("usage");
      expect(error.message).toContain(says);
      expect(error.hint).toContain(hint);
    });
  }

  for (const argv of [[], ["--"], ["--json"], ["--json", "--"]]) {
    test(`launching nothing: ${argv.join(" ") || "no arguments"}`, () => {
      expect(failure(() => parseArgs(launching, argv)).message).toContain("command to launch");
    });
  }
});

function failure(action: () => unknown): AegisError {
  try {
    action();
  } catch (error) {
    if (error instanceof AegisError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
