// A web server on loopback that programs ask for by a name, the programs that do, and what is
// expected of a box they run in.

import { expect } from "bun:test";
import type { Capability } from "../../src/model/capability.ts";
import type { runBox } from "./box.ts";
import { by, loopback, permit, port, to } from "./ir.ts";

export const named = "allowed.test";

export interface NamedWeb {
  readonly port: number;
  /** Of a server that no rule names. */
  readonly otherPort: number;
  /** The name, and what stands behind it: without that a name must not lead to this machine. */
  readonly grants: readonly Capability[];
  /** Each program as it asks for the web server by a name; it prints what it got. */
  readonly clients: Readonly<Record<string, (host: string) => readonly string[]>>;
  url(host: string, at?: number): string;
  stop(): Promise<void>;
}

export function openNamedWeb(): NamedWeb {
  const local = { hostname: "127.0.0.1", port: 0 } as const;
  const answer = (request: Request): Response =>
    new Response(`served ${new URL(request.url).hostname}\n`);
  const web = Bun.serve({ ...local, fetch: answer });
  const other = Bun.serve({ ...local, fetch: () => new Response("other\n") });
  const [webPort, otherPort] = [web.port ?? 0, other.port ?? 0];
  const url = (host: string, at = webPort): string => `http://${host}:${at}/`;
  return {
    ...{ port: webPort, otherPort, url },
    grants: [
      permit("NetConnect NetRequest", to(named), port(webPort), by("tcp")),
      permit("NetConnect NetRequest", loopback, port(webPort), by("tcp")),
    ],
    clients: clientsOf(url, webPort),
    async stop() {
      await Promise.all([web.stop(true), other.stop(true)]);
    },
  };
}

function clientsOf(url: NamedWeb["url"], webPort: number): NamedWeb["clients"] {
  const python = (script: string) => ["/usr/bin/python3", "-c", script];
  const request = (host: string): string =>
    `GET / HTTP/1.0\\r\\nHost: ${host}:${webPort}\\r\\n\\r\\n`;
  return {
    curl: (host) => ["/usr/bin/curl", "-sS", "--max-time", "60", url(host)],
    "python's urllib": (host) =>
      python(
        `import urllib.request; print(urllib.request.urlopen("${url(host)}").read().decode())`,
      ),
    "python's asyncio": (host) =>
      python(`import asyncio
async def go():
    r, w = await asyncio.open_connection("${host}", ${webPort})
    w.write(b"${request(host)}"); print((await r.read()).decode())
asyncio.run(go())`),
    node: (host) => [
      "/usr/bin/node",
      "-e",
      `require("http").get("${url(host)}", (r) => r.on("data", (d) => console.log(String(d))))
      .on("error", (e) => { console.log(e.code); process.exit(1); })`,
    ],
    bash: (host) => [
      "/bin/bash",
      "-c",
      `exec 3<>/dev/tcp/${host}/${webPort} && printf '${request(host)}' >&3 && cat <&3`,
    ],
  };
}

type Outcome = Pick<Awaited<ReturnType<typeof runBox>>, "stdout" | "connections">;

/** The program got what it asked for, by its name, once. */
export function expectReached({ stdout, connections }: Outcome, at: number): void {
  expect(stdout).toContain(`served ${named}`);
  const made = connections.filter(
    ({ action, phase }) => action === "NetConnect" && phase === undefined,
  );
  expect(made.map(({ host, port, decision }) => [host, port, decision])).toContainEqual([
    named,
    at,
    "allow",
  ]);
}

/** The program got nothing of `other.test`, and that is recorded. */
export function expectNotReached({ stdout, connections }: Outcome): void {
  expect(stdout).not.toContain("served");
  expect(connections.some(({ decision }) => decision === "allow")).toBe(false);
  const denied = connections.filter(({ decision }) => decision === "deny");
  expect(denied.map(({ host }) => host)).toContain("other.test");
}
