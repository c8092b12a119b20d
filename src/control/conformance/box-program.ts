// The part of a conformance test that is tried in a box: which files are there, what is run, what
// it may do beyond the default policy. Nothing in a pack reaches outside the folder that is made
// for it. Pure; packs come from anyone.

/**
 * Paths may begin with `{home}`, a folder made for the test; the program starts in `{home}/work`.
 */
export interface BoxProgram {
  /** Texts by their paths below `{home}`. */
  readonly files: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly deny: readonly string[];
  readonly exec: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const lists = ["read", "write", "deny", "exec"] as const;

/** The program, or what is wrong with it. */
export function readBoxProgram(box: Fields): BoxProgram | string {
  const unknown = Object.keys(box).find((name) => !known.has(name));
  if (unknown !== undefined) return `there is no field "box.${unknown}"`;
  const { files = {}, command } = box;
  if (!isTexts(command) || command.length === 0) return '"box.command" is no list of texts';
  if (!isRecord(files)) return '"box.files" is no mapping';
  for (const [path, text] of Object.entries(files)) {
    if (typeof text !== "string") return `"box.files" has no text for "${path}"`;
    if (!isBelow(path)) return `"box.files" has "${path}", which is no path below {home}`;
  }
  const read: Record<string, readonly string[]> = {};
  for (const name of lists) {
    const words = box[name] ?? [];
    if (!isTexts(words)) return `"box.${name}" is no list of texts`;
    read[name] = words;
  }
  for (const name of ["read", "write"] as const) {
    const other = read[name]?.find((path) => !isInHome(path));
    if (other !== undefined) return `"box.${name}" has "${other}", which is not below {home}`;
  }
  const { read: reads = [], write = [], deny = [], exec = [] } = read;
  const texts = files as Readonly<Record<string, string>>;
  return { files: texts, command, read: reads, write, deny, exec };
}

const known: ReadonlySet<string> = new Set(["files", "command", ...lists]);

/** `{home}` where it stands. */
export function filled(text: string, home: string): string {
  return text.replaceAll("{home}", home);
}

function isInHome(path: string): boolean {
  return path.startsWith("{home}/") && isBelow(path.slice("{home}/".length));
}

function isBelow(path: string): boolean {
  const parts = path.split("/");
  return (
    !path.includes("\0") && parts.every((part) => part !== "" && part !== "." && part !== "..")
  );
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "");
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
