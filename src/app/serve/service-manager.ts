// What a server tells the service manager that started it: that it is ready, that it still works,
// that it is stopping. Nothing where nobody asked (NOTIFY_SOCKET, WATCHDOG_USEC).

import { sendDatagram, unixAddress } from "../../bridge/notify-socket.ts";
import type { Environment } from "../../config/location.ts";

export interface ServiceManager {
  /** Once requests are answered; from then on the watchdog is told as long as the server works. */
  ready(status: string): void;
  stopping(): void;
}

export interface ServiceManagerParts {
  readonly environment: Environment;
  /** Rejects when the server could not answer: then the watchdog is left alone. */
  readonly check: () => Promise<unknown>;
  /** Told once of what keeps the manager from hearing. */
  readonly warn: (text: string) => void;
}

const againMs = 1000;

export function serviceManager({ environment, check, warn }: ServiceManagerParts): ServiceManager {
  const name = environment.NOTIFY_SOCKET ?? "";
  if (name === "") return { ready: () => undefined, stopping: () => undefined };
  const address = unixAddress(name);
  let timer: ReturnType<typeof setInterval> | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  let isWarned = false;

  function tell(state: string): boolean {
    if (address !== undefined && sendDatagram(address, state)) return true;
    if (!isWarned) warn(`the service manager at NOTIFY_SOCKET "${name}" cannot be told anything`);
    isWarned = true;
    return false;
  }

  /** It waits for this one, however busy it is. */
  function tellUntilHeard(state: string): void {
    if (!tell(state)) again = setTimeout(() => tellUntilHeard(state), againMs).unref();
  }

  return {
    ready(status) {
      tellUntilHeard(`READY=1\nSTATUS=${status}`);
      const everyMs = watchdogMs(environment);
      if (everyMs === undefined) return;
      timer = setInterval(() => {
        check().then(
          () => void tell("WATCHDOG=1"),
          () => {
            // ignored: whoever does not hear from the server in time starts it again
          },
        );
      }, everyMs);
    },
    stopping() {
      clearInterval(timer);
      clearTimeout(again);
      tell("STOPPING=1");
    },
  };
}

/** Half of what is waited for; undefined where nobody waits, or for another process. */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): number | undefined {
  const waitMs = /^\d{1,15}$/.test(WATCHDOG_USEC ?? "") ? Number(WATCHDOG_USEC) / 1000 : 0;
  const isMeant = (WATCHDOG_PID ?? "") === "" || WATCHDOG_PID === String(process.pid);
  return waitMs > 0 && isMeant ? Math.max(1, Math.floor(waitMs / 2)) : undefined;
}
