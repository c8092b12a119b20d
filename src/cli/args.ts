// Command specifications and the strict parser they drive. One specification gives parsing, types,
// help and docs/cli.md. Anything not specified ends the command: a mistyped `--deny` that is
// ignored would open what was meant to be shut.

import { AegisError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";

/** The name of a flag is its key in the record it stands in, without dashes. */
export type FlagSpec =
  | {
      readonly kind: "switch";
      readonly short?: string;
      /** A file may say the same: `--NAME=false` wins over it, and absent it is undefined. */
      readonly isOverFile?: true;
      readonly summary: string;
    }
  | {
      readonly kind: "text";
      /** Placeholder in help, e.g. `PATH`. */
      readonly value: string;
      readonly short?: string;
      readonly default?: string;
      readonly summary: string;
    }
  /** Letter case does not matter; the value is the choice as spelled here. */
  | {
      readonly kind: "choice";
      /** Placeholder in help where the choices are too many for one; they are listed after it. */
      readonly value?: string;
      readonly choices: readonly string[];
      readonly default?: string;
      readonly summary: string;
    }
  | {
      readonly kind: "number";
      readonly value: string;
      readonly min: number;
      readonly max: number;
      readonly default?: number;
      readonly summary: string;
    }
  /** May be given more than once; the order is kept. */
  | { readonly kind: "list"; readonly value: string; readonly summary: string };

export interface OperandSpec {
  readonly required: boolean;
  readonly summary: string;
}

export interface CommandSpec {
  /** As typed after `aegis`, e.g. `audit verify`; empty for a program that is one command. */
  readonly name: string;
  /** The link it is typed by; default: `aegis`. */
  readonly program?: string;
  readonly summary: string;
  readonly flags: Readonly<Record<string, FlagSpec>>;
  /** In the order they are typed; required ones first. Keys are the names shown, in capitals. */
  readonly operands: Readonly<Record<string, OperandSpec>>;
  /** A command to launch follows, after `--` or bare. */
  readonly launches: boolean;
  /** Something else may be given instead of the command. Absent: there must be one. */
  readonly isCommandOptional?: boolean;
  readonly examples: readonly [string, ...string[]];
  /** Paragraphs for help and docs, after the flags. */
  readonly notes?: readonly string[];
}

type FlagValue<F extends FlagSpec> = F extends { readonly kind: "switch" }
  ? F extends { readonly isOverFile: true }
    ? boolean | undefined
    : boolean
  : F extends { readonly kind: "list" }
    ? readonly string[]
    : F extends { readonly kind: "number" }
      ? F extends { readonly default: number }
        ? number
        : number | undefined
      : F extends { readonly kind: "choice"; readonly choices: readonly (infer C)[] }
        ? F extends { readonly default: string }
          ? C
          : C | undefined
        : F extends { readonly default: string }
          ? string
          : string | undefined;

export interface ParsedArgs<S extends CommandSpec = CommandSpec> {
  readonly flags: { readonly [K in keyof S["flags"]]: FlagValue<S["flags"][K]> };
  readonly operands: {
    readonly [K in keyof S["operands"]]: S["operands"][K] extends { readonly required: true }
      ? string
      : string | undefined;
  };
  /** The command to launch; empty unless the specification says `launches`. */
  readonly command: readonly string[];
}

type Value = string | boolean | number | string[];

interface Taken {
  readonly flags: Map<string, Value>;
  readonly operands: string[];
  command: readonly string[];
}

/** The command as a person types it. */
export function typedName({ program = "aegis", name }: CommandSpec): string {
  return name === "" ? program : `${program} ${name}`;
}

/**
 * Parses what follows the command's name; undefined when help was asked for.
 * @throws {AegisError} `usage`
 */
export function parseArgs<const S extends CommandSpec>(
  spec: S,
  argv: readonly string[],
): ParsedArgs<S> | undefined {
  const taken: Taken = { flags: new Map(), operands: [], command: [] };
  for (let at = 0; at < argv.length; at++) {
    const arg = argv[at] ?? "";
    if (arg === "--") {
      if (spec.launches) taken.command = argv.slice(at + 1);
      else taken.operands.push(...argv.slice(at + 1));
      break;
    }
    if (arg === "--help" || arg === "-h") return undefined;
    if (arg.startsWith("-") && arg !== "-") {
      at += takeFlag(spec, taken, arg, argv[at + 1]);
    } else if (spec.launches) {
      taken.command = argv.slice(at);
      break;
    } else taken.operands.push(arg);
  }
  return finish(spec, taken);
}

/** Stores one flag; the number of further arguments it used. */
function takeFlag(
  spec: CommandSpec,
  taken: Taken,
  arg: string,
  following: string | undefined,
): 0 | 1 {
  const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
  const typed = equals < 0 ? arg : arg.slice(0, equals);
  const name = flagName(spec, typed);
  const flag = Object.hasOwn(spec.flags, name) ? spec.flags[name] : undefined;
  if (flag === undefined) throw unknownFlag(spec, typed);
  if (taken.flags.has(name) && flag.kind !== "list")
    throw usage(spec, `Cannot use "${typed}" twice: it takes one value`);
  if (flag.kind === "switch") {
    const value = equals < 0 ? "true" : arg.slice(equals + 1);
    if (equals >= 0 && flag.isOverFile !== true)
      throw usage(spec, `Cannot give "${typed}" a value: it is a switch`);
    if (value !== "true" && value !== "false")
      throw usage(spec, `Cannot use "${value}" for "${typed}": the choices are true, false`);
    taken.flags.set(name, value === "true");
    return 0;
  }
  const inline = equals < 0 ? undefined : arg.slice(equals + 1);
  const text = inline ?? following;
  if (text === undefined || text === "" || (inline === undefined && text.startsWith("--")))
    throw usage(spec, `Cannot use "${typed}" without a value: ${placeholder(flag)} is missing`);
  store(spec, taken, { name, typed, flag, text });
  return inline === undefined ? 1 : 0;
}

function store(
  spec: CommandSpec,
  taken: Taken,
  given: { name: string; typed: string; flag: FlagSpec; text: string },
): void {
  const { name, typed, flag, text } = given;
  if (flag.kind === "list") {
    const known = taken.flags.get(name);
    taken.flags.set(name, Array.isArray(known) ? [...known, text] : [text]);
  } else if (flag.kind === "number") {
    const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= flag.min && value <= flag.max)) {
      const range = `a whole number from ${flag.min} to ${flag.max}`;
      throw usage(spec, `Cannot use "${text}" for "${typed}": it is not ${range}`);
    }
    taken.flags.set(name, value);
  } else if (flag.kind === "choice") {
    const choice = flag.choices.find((each) => each.toLowerCase() === text.toLowerCase());
    const known = flag.choices.join(", ");
    if (choice === undefined)
      throw usage(spec, `Cannot use "${text}" for "${typed}": the choices are ${known}`);
    taken.flags.set(name, choice);
  } else taken.flags.set(name, text);
}

function flagName(spec: CommandSpec, typed: string): string {
  if (typed.startsWith("--")) return typed.slice(2);
  const short = typed.slice(1);
  for (const [name, flag] of Object.entries(spec.flags)) {
    if ("short" in flag && flag.short === short) return name;
  }
  return "";
}

/** What stands for a flag's value in help and messages; empty for a switch. */
export function placeholder(flag: FlagSpec): string {
  if (flag.kind === "choice") return flag.value ?? flag.choices.join("|");
  return flag.kind === "switch" ? "" : flag.value;
}

function absentValue(flag: FlagSpec): Value | undefined {
  if (flag.kind === "switch") return flag.isOverFile === true ? undefined : false;
  return flag.kind === "list" ? [] : flag.default;
}

function finish<S extends CommandSpec>(spec: S, taken: Taken): ParsedArgs<S> {
  const flags: Record<string, Value | undefined> = {};
  for (const [name, flag] of Object.entries(spec.flags)) {
    flags[name] = taken.flags.get(name) ?? absentValue(flag);
  }
  const operands: Record<string, string | undefined> = {};
  const given = [...taken.operands];
  for (const [name, operand] of Object.entries(spec.operands)) {
    const value = given.shift();
    if (value === undefined && operand.required)
      throw usage(spec, `Cannot run "${typedName(spec)}": ${name} is missing`);
    operands[name] = value;
  }
  const [extra] = given;
  if (extra !== undefined)
    throw usage(spec, `Cannot run "${typedName(spec)}": unexpected argument "${extra}"`);
  if (spec.launches && spec.isCommandOptional !== true && taken.command.length === 0)
    throw usage(spec, `Cannot run "${typedName(spec)}": the command to launch is missing`);
  // The loops above gave every key of the specification a value of the type its kind stands for.
  return { flags, operands, command: taken.command } as unknown as ParsedArgs<S>;
}

function unknownFlag(spec: CommandSpec, typed: string): AegisError {
  const known = [...Object.keys(spec.flags), "help"].map((name) => `--${name}`);
  const close = nearest(typed, known);
  return new AegisError("usage", `Cannot run "${typedName(spec)}": unknown flag "${typed}"`, {
    hint: close === undefined ? helpHint(spec) : `did you mean "${close}"?`,
  });
}

function usage(spec: CommandSpec, message: string): AegisError {
  return new AegisError("usage", message, { hint: helpHint(spec) });
}

function helpHint(spec: CommandSpec): string {
  return `run \`${typedName(spec)} --help\` for its usage`;
}
