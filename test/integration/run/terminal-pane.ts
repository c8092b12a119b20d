// A terminal of its own for a test: one tmux server with one pane that runs a shell, typed into and
// read like by a person.

import { join } from "node:path";
import { waitFor } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

export interface Pane {
  /** Types a line and presses return. */
  type(line: string): void;
  /** Presses keys by their tmux names, e.g. `C-c`. */
  press(...keys: readonly string[]): void;
  /**
   * Waits until the visible screen, without what was there at the last `clear`, matches. @returns
   * the screen
   */
  see(wanted: RegExp): Promise<string>;
  /** Empties screen and scroll-back, and waits for a prompt of the outer shell. */
  clear(): Promise<void>;
  resize(columns: number, rows: number): void;
  /** Closes the terminal under the programs in it. */
  close(): void;
}

export const outerPrompt = "outer$ ";

/** A pane of 80 by 24 with a bash whose prompt is `outer$ `. */
export async function openPane(options: {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Put before the shell, e.g. to drop privileges. */
  readonly launcher: readonly string[];
}): Promise<Pane> {
  const socket = join(tempDir("tmux"), "socket");
  const tmux = (...args: readonly string[]): string => {
    const { stdout, stderr, exitCode } = Bun.spawnSync(["tmux", "-S", socket, ...args], {
      env: { ...options.env, TERM: "xterm" },
    });
    if (exitCode !== 0) throw new Error(`tmux ${args.join(" ")}: ${stderr}`);
    return stdout.toString();
  };
  const settings = Object.entries({ ...options.env, TERM: "screen", PS1: outerPrompt });
  const environment = settings.map(([name, value]) => `${name}=${value}`);
  const shell = ["env", "-i", ...environment, "bash", "--norc", "--noprofile", "-i"];
  const start = ["new-session", "-d", "-x", "80", "-y", "24", "-c", options.cwd];
  tmux("-f", "/dev/null", ...start, "--", ...options.launcher, ...shell);
  tmux("set-option", "-g", "window-size", "manual");
  const screen = () => tmux("capture-pane", "-p");
  const see = async (wanted: RegExp) => {
    let seen = "";
    try {
      await waitFor(`${wanted} on the screen`, () => {
        seen = screen();
        return wanted.test(seen);
      });
    } catch (cause) {
      throw new Error(`no ${wanted} on the screen, which shows:\n${seen}`, { cause });
    }
    return seen;
  };
  const pane: Pane = {
    type(line) {
      tmux("send-keys", "-l", line);
      tmux("send-keys", "Enter");
    },
    press: (...keys) => void tmux("send-keys", ...keys),
    see,
    async clear() {
      tmux("send-keys", "C-l");
      await see(/^outer\$ *$/m);
      await waitFor("an empty screen", () => screen().trim() === outerPrompt.trim());
    },
    resize: (columns, rows) => void tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`),
    close: () => void Bun.spawnSync(["tmux", "-S", socket, "kill-server"]),
  };
  await see(/^outer\$ *$/m);
  return pane;
}
