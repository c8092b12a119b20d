// Who may call changes while the built binary serves: who is taken out of the key file is out, and
// a file that is none changes nothing.

import { expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { sha256Hex } from "../../../src/base/hash.ts";
import { waitFor } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { linkedPrograms } from "../../support/served.ts";

const line = (key: string, role: string): string => `${sha256Hex(key)} ${role} * ${key}\n`;

function place() {
  const linked = linkedPrograms();
  const put = (text: string): void => {
    writeFileSync(`${linked.folder}/.keys`, text, { mode: 0o600 });
    renameSync(`${linked.folder}/.keys`, `${linked.folder}/keys`);
  };
  const start = async () => {
    const flags = ["--dsn", ":memory:", "--telemetry-disabled", "--keys", "keys"];
    const server = await linked.start("aegisd", "--addr", "localhost:0", ...flags);
    const url = `http://localhost:${server.greeting.trim().split(":").at(-1)}/v1/sessions?tenant_id=t`;
    const status = async (key: string): Promise<number> =>
      (await fetch(url, { headers: { authorization: `Bearer ${key}` } })).status;
    return { server, status };
  };
  return { put, start };
}

test(
  "a key that is taken out of the file is refused, and a new one is known",
  async () => {
    const { put, start } = place();
    put(line("old", "admin") + line("stays", "admin"));
    const { server, status } = await start();
    expect([await status("old"), await status("stays"), await status("new")]).toEqual([
      200, 200, 401,
    ]);
    put(line("stays", "admin") + line("new", "admin"));
    await waitFor("the new key", async () => (await status("new")) === 200);
    expect([await status("old"), await status("stays")]).toEqual([401, 200]);
    await server.says(/keys" was read again/);
    expect(await server.stop()).toBe(0);
  },
  testMs,
);

const broken = [
  ["nobody", "# nobody\n"],
  ["half a line", line("new", "admin").slice(0, 70)],
  ["no role", line("new", "owner")],
] as const;
test.each(broken)(
  "a file of %s changes nothing, and that is told",
  async (_, text) => {
    const { put, start } = place();
    put(line("old", "admin"));
    const { server, status } = await start();
    put(text);
    server.signal("SIGHUP");
    await server.says(/who could call before still can/);
    expect([await status("old"), await status("new")]).toEqual([200, 401]);
    expect(await server.stop()).toBe(0);
  },
  testMs,
);
