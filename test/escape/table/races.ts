// Class B: races. What was judged becomes something else before it is used; a race is won when the
// forbidden object was had even once.

import { knownOpen } from "../known-open.ts";
import { type Row, rows } from "../row.ts";
import type { RowResult } from "../run.ts";
import type { Setting } from "../setting.ts";

type Line = Omit<Row, "group">;

/** How long each is run, in seconds, and how much longer while nothing was raced yet. */
export interface RaceTime {
  readonly seconds: number;
  readonly more: number;
}

export function races(time: RaceTime): Row[] {
  return rows("B", [...objectRaces(time), ...callRaces(time)]);
}

/** As the attack is told it. */
const told = ({ seconds, more }: RaceTime): string => `${seconds}+${more}`;
/** Until it is ended as one that hangs. */
const patience = ({ seconds, more }: RaceTime): number => seconds + more + 60;

function raceLine(time: RaceTime) {
  return (name: string, technique: string, words: (inside: string) => string[]): Line => ({
    name: `race-${name}`,
    technique,
    words: words(`{ws}/in/race-${name}`),
    twin: ["read", `{ws}/in/race-${name}/f`],
    on: "denied" as const,
    seconds: patience(time),
  });
}

/** About which object a name or a descriptor leads to. */
function objectRaces(span: RaceTime): Line[] {
  const time = told(span);
  const line = raceLine(span);
  return [
    line("open", "open: the path swapped while it is judged", (inside) => [
      "race-open",
      ...[time, `${inside}/f`, "{t}/f"],
    ]),
    line("cwd", "open by a relative name: the working folder swapped", (inside) => [
      "race-cwd",
      ...[time, inside, "{t}", "f"],
    ]),
    line("dirfd", "openat: the folder's descriptor swapped", (inside) => [
      "race-dirfd",
      ...[time, inside, "{t}", "f"],
    ]),
    line("magic", "open of /proc/self/fd/N: the descriptor swapped", (inside) => [
      "race-magic",
      ...[time, `${inside}/f`, "{t}/f"],
    ]),
    line("symlink", "open of a name that is a link now to this, now to that", (inside) => [
      "race-symlink",
      ...[time, `${inside}/f`, "{t}/f", "{s}/link"],
    ]),
    line("exchange", "a folder and a link to the forbidden one exchanged", (inside) => [
      "race-exchange",
      ...[time, `${inside}/d`, "{t}/d", "x", `${inside}/d`, "{s}/link"],
    ]),
    line("rename-over", "a file made through a name while links are renamed over it", (inside) => [
      "race-rename-over",
      ...[time, `${inside}/new`, "{t}/new", "{s}/link"],
    ]),
  ];
}

/** About what a call that links, connects, dies or changes was asked for. */
function callRaces(span: RaceTime): Line[] {
  const time = told(span);
  const line = raceLine(span);
  const change = (operation: string, inside: string, target: string, source: string[] = []) =>
    line(`change-${operation}`, `${operation}: the path swapped while it is judged`, () => [
      "race-change",
      time,
      inside,
      target,
      ...[operation, ...source],
    ]);
  return [
    line("link", "link: which file gets a second name", (inside) => [
      "race-link",
      ...[time, `${inside}/f`, "{t}/f", "{s}/name"],
    ]),
    line("pid", "open by callers that die at any moment of it", (inside) => [
      "race-pid",
      ...[time, `${inside}/f`, "{t}/f"],
    ]),
    line("unix", "connect: the socket's path swapped", () => [
      "race-unix",
      ...[time, "{s}/socket", "{sockets}/stream"],
    ]),
    change("create", "{s}/new", "{t}/new"),
    change("mkdir", "{s}/new", "{t}/new"),
    change("symlink", "{s}/new", "{t}/new"),
    change("rename", "{s}/new", "{t}/new", ["{s}/source"]),
    change("link", "{s}/new", "{t}/new", ["{s}/own"]),
    change("unlink", "{s}/new", "{t}/f"),
    change("truncate", "{s}/own", "{t}/f"),
    change("chmod", "{s}/own", "{t}/f"),
    {
      ...line("protected", "a protected name that is not there: the path swapped", () => [
        "race-change",
        ...[time, "{s}/new", "{ws}/.mcp.json", "create"],
      ]),
      untouched: ["{ws}/.mcp.json"],
    },
  ];
}

/** Under a policy that lets few programs run. */
export function execRaces(time: RaceTime): Row[] {
  return rows("B", [
    {
      name: "race-exec",
      technique: "execve: the path swapped while it is judged",
      words: ["race-exec", told(time), "/bin/true", "{ws}/in/strict-own-root/program"],
      twin: ["exec", "{bin}/attack"],
      seconds: patience(time),
    },
  ]);
}

/**
 * Not won, and a race at all: something was let through and something refused. Where mounts hide
 * the forbidden object there is none for some races, as it cannot even be named.
 */
export function isRaceHeld(
  setting: Setting,
  { row, attack, harm }: Pick<RowResult, "row" | "attack" | "harm">,
): boolean {
  if (harm.length > 0 || attack.answer === "worked") return false;
  if (attack.answer === "blocked" && attack.note.endsWith("won 0")) return true;
  const isNone = attack.answer === "absent" || attack.answer === "blocked";
  return isNone && (setting.hasNamespaces || knownOpen(row, setting) !== undefined);
}
