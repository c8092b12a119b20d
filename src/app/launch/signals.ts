// Signals of this process, for the time a box runs.

import { readFileSync } from "node:fs";
import type { PassedSignal } from "../../enforce/backend.ts";
import type { SignalSource } from "../../supervise/supervisor.ts";

/** Whoever sends these means one process. */
const always: readonly PassedSignal[] = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];
/** ^C and ^\ are sent to the whole foreground process group, the command among it. */
const ofTerminal: readonly PassedSignal[] = ["SIGINT", "SIGQUIT"];
/** The helper stops the whole job, aegis included, once the command has really stopped. */
const ignored = ["SIGTSTP", "SIGTTIN", "SIGTTOU"] as const;

export const processSignals: SignalSource = {
  listen(pass) {
    const passed = always.map((name) => [name, () => pass(name)] as const);
    const unlessTold = ofTerminal.map(
      (name) =>
        [
          name,
          () => {
            if (!isForeground()) pass(name);
          },
        ] as const,
    );
    const survived = ignored.map((name) => [name, () => {}] as const);
    const listeners = [...passed, ...unlessTold, ...survived];
    for (const [name, listener] of listeners) process.on(name, listener);
    return () => {
      for (const [name, listener] of listeners) process.off(name, listener);
    };
  },
};

/** Whether a terminal's ^C has reached the command as well; a process manager's has not. */
function isForeground(): boolean {
  try {
    const text = readFileSync("/proc/self/stat", "latin1");
    // Behind the name in parentheses: state, parent, group, session, terminal, its group.
    const [, , group, , , foreground] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return group === foreground;
  } catch {
    // ignored: where there is no /proc, a command that was told twice would take it for a second ^C
    return true;
  }
}
