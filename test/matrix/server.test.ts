// Long-running servers under `workspace`: with their port granted they are reached from outside the
// box, without they are not.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWith } from "../support/features.ts";
import { freePort } from "../support/free-port.ts";
import {
  boxed,
  makePlace,
  removePlacesAfterwards,
  runBoxed,
  runners,
  spawnInPlace,
} from "./place.ts";
import { lastSession } from "./recorded.ts";

const servers = [
  { tool: "python3", fixture: "python", command: ["python3", "serve.py"] },
  { tool: "node", fixture: "node", command: ["node", "serve.mjs"] },
] as const;

removePlacesAfterwards();
for (const runner of runners) {
  for (const { tool, fixture, command } of servers) {
    const needs = ["linux", "landlock", "seccomp", `tool ${tool}`] as const;
    testWith(
      needs,
      `a ${tool} server is reached on the port it was granted, as ${runner}`,
      async () => {
        const place = makePlace(runner, fixture);
        writeFileSync(join(place.workspace, "page.txt"), "from the box", { mode: 0o644 });
        const port = freePort();
        const argv = boxed([...command, `${port}`], ["--listen", `${port}`]);
        const server = spawnInPlace(place, argv);
        await firstLine(server.stdout, "listening");
        for (let request = 0; request < 20; request += 1) {
          const response = await fetch(`http://127.0.0.1:${port}/page.txt`);
          expect(await response.text()).toBe("from the box");
        }
        server.kill("SIGTERM");
        expect(await server.exited).toBe(143);
        const session = await lastSession(place);
        expect(session.exitStatus).toBe(143);
        expect(session.accesses).toContainEqual(
          expect.objectContaining({ action: "NetBind", decision: "allow", port }),
        );
        expect(session.accesses).toContainEqual(
          expect.objectContaining({ action: "FileRead", path: join(place.workspace, "page.txt") }),
        );
      },
    );

    testWith(
      needs,
      `a ${tool} server without a grant is reached by nobody, as ${runner}`,
      async () => {
        const place = makePlace(runner, fixture);
        const port = freePort();
        const server = spawnInPlace(place, boxed([...command, `${port}`]));
        await firstLine(server.stdout, "listening");
        await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow(/Unable to connect/);
        server.kill("SIGTERM");
        expect(await server.exited).toBe(143);
        const { accesses } = await lastSession(place);
        expect(accesses).toContainEqual(
          expect.objectContaining({ action: "NetBind", rule: "box:loopback", port }),
        );
      },
    );

    testWith(
      needs,
      `a ${tool} server gets no other port than the one granted, as ${runner}`,
      async () => {
        const place = makePlace(runner, fixture);
        const granted = freePort();
        const other = freePort();
        const argv = [...command, `${other}`];
        const { stderr } = await runBoxed(place, argv, ["--listen", `${granted}`]);
        expect(stderr).toMatch(/^refused: EACCES$/m);
      },
    );
  }
}

async function firstLine(stream: ReadableStream<Uint8Array>, wanted: string): Promise<void> {
  const reader = stream.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  expect(new TextDecoder().decode(value).trim()).toBe(wanted);
}
