// `aegis completions`: words for the shell's Tab key, from the same specifications as help.

import type { CommandSpec } from "../args.ts";
import { defineCommand } from "../command.ts";
import { writeOut } from "../output.ts";

export const command = defineCommand(
  {
    name: "completions",
    summary: "Print a completion script for a shell.",
    flags: {
      shell: {
        kind: "choice",
        choices: ["bash", "zsh", "fish"],
        default: "bash",
        summary: "For this shell",
      },
    },
    operands: {},
    launches: false,
    examples: ["aegis completions --shell fish > ~/.config/fish/completions/aegis.fish"],
  },
  async ({ flags }) => {
    const { allSpecs } = await import("../tree.ts");
    const specs = await allSpecs();
    if (flags.shell === "fish") writeOut(fishScript(specs));
    else writeOut(flags.shell === "zsh" ? `${zshPrelude}${bashScript(specs)}` : bashScript(specs));
    return 0;
  },
);

const zshPrelude = "autoload -U +X bashcompinit && bashcompinit\n";

/** Words typed before the cursor that are no flags choose what may follow. */
function bashScript(specs: readonly CommandSpec[]): string {
  const cases = [
    `    "") words="${[...new Set(specs.map(firstWord))].join(" ")} --help --version" ;;`,
    ...branchNames(specs).map((branch) => {
      const leaves = specs.filter((spec) => firstWord(spec) === branch).map(secondWord);
      return `    "${branch}") words="${leaves.join(" ")} --help" ;;`;
    }),
    ...specs.map((spec) => `    "${spec.name}"*) words="${flagWords(spec).join(" ")}" ;;`),
  ];
  return `_aegis() {
  local word words="" typed=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      --) return ;;
      -*) ;;
      *) typed="\${typed:+$typed }$word" ;;
    esac
  done
  case "$typed" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _aegis aegis
`;
}

function fishScript(specs: readonly CommandSpec[]): string {
  const lines: string[] = [];
  const branches = branchNames(specs);
  for (const branch of branches)
    lines.push(`complete -c aegis -n __fish_use_subcommand -f -a ${branch}`);
  for (const spec of specs) {
    const [first, second] = [firstWord(spec), secondWord(spec)];
    const summary = `-d '${spec.summary.replaceAll("'", "\\'")}'`;
    const inside = `'__fish_seen_subcommand_from ${first}'`;
    if (second === "")
      lines.push(`complete -c aegis -n __fish_use_subcommand -f -a ${first} ${summary}`);
    else lines.push(`complete -c aegis -n ${inside} -f -a ${second} ${summary}`);
    const typed = [first, second].filter((word) => word !== "");
    const seen = typed.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    for (const name of Object.keys(spec.flags))
      lines.push(`complete -c aegis -n '${seen}' -l ${name}`);
  }
  return `${lines.join("\n")}\n`;
}

function flagWords(spec: CommandSpec): string[] {
  return [...Object.keys(spec.flags), "help"].map((name) => `--${name}`);
}

function branchNames(specs: readonly CommandSpec[]): string[] {
  return [...new Set(specs.filter((spec) => secondWord(spec) !== "").map(firstWord))];
}

function firstWord(spec: CommandSpec): string {
  return spec.name.split(" ")[0] ?? "";
}

function secondWord(spec: CommandSpec): string {
  return spec.name.split(" ")[1] ?? "";
}
