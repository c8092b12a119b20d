// Signals of this process, for the time a box runs.

import type { SignalSource } from "../../supervise/supervisor.ts";

/**
 * ^C and ^\ reach the command directly, because it is in the same foreground process group: aegis
 * only has to survive them.
 */
export const processSignals: SignalSource = {
  listen(pass) {
    const ignore = () => {};
    const terminate = () => pass("SIGTERM");
    const hangUp = () => pass("SIGHUP");
    // The helper stops the whole job, aegis included, once the command has really stopped.
    process.on("SIGTSTP", ignore).on("SIGTTIN", ignore).on("SIGTTOU", ignore);
    process.on("SIGINT", ignore).on("SIGQUIT", ignore);
    process.on("SIGTERM", terminate).on("SIGHUP", hangUp);
    return () => {
      process.off("SIGTSTP", ignore).off("SIGTTIN", ignore).off("SIGTTOU", ignore);
      process.off("SIGINT", ignore).off("SIGQUIT", ignore);
      process.off("SIGTERM", terminate).off("SIGHUP", hangUp);
    };
  },
};
