// `aegis mcp` on a ledger in PostgreSQL: what one proxy recorded counts in another, and the server
// behind it does not learn how to get in.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { openPostgresStore } from "../../src/ledger/postgres/store.ts";
import { spawnAegis } from "../support/harness.ts";
import { budgets, connectStdio, type McpPlace, mcpPlace, proxyArgs } from "../support/mcp.ts";
import { testMs } from "../support/patience.ts";
import { postgresPrograms, postgresServer } from "../support/postgres.ts";

setDefaultTimeout(testMs);

const permissions = { tools: ["echo", "write_file", "environment"], budgets };
const call = (name: string, text: string) => ({ name, arguments: { text } });

/** A ledger of its own in the database of all tests. */
async function postgresMcp() {
  const server = await postgresServer();
  const place = await server.place();
  const { user, database, searchPath } = place;
  const dsn = `postgres://${user}@127.0.0.1:${server.port}/${database}?search_path=${searchPath}`;
  const made = mcpPlace(permissions);
  const env = { ...made.env, PGPASSWORD: server.password, OF_THE_SERVER: "kept" };
  const mcp: McpPlace = { ...made, dsn, env };
  const types = async (): Promise<readonly string[]> => {
    const store = await openPostgresStore(place);
    try {
      const log = createControlLog(store);
      expect(await log.verify("acme", "s")).toMatchObject({ valid: true });
      const events = await log.events({ tenant: "acme", session: "s", limit: 100 });
      return events.map(({ type }) => type);
    } finally {
      await store.close();
    }
  };
  return { mcp, types, password: server.password };
}

describe.skipIf(postgresPrograms === undefined)("a proxy with --dsn", () => {
  test("records there, and knows what another one recorded", async () => {
    const { mcp, types } = await postgresMcp();
    {
      await using first = await connectStdio(mcp);
      const { content } = await first.client.callTool(call("write_file", "before"));
      expect(content).toEqual([{ type: "text", text: "before" }]);
    }
    await using second = await connectStdio(mcp);
    const after = second.client.callTool(call("write_file", "after"));
    await expect(after).rejects.toThrow("TAINTED_TO_HIGH_RISK");
    expect(await types()).toEqual([
      ...["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"],
      ...["TOOL_CALL_PROPOSED", "TOOL_CALL_DENIED"],
    ]);
  });

  test("keeps its password from the server, and nothing else of the environment", async () => {
    const { mcp, password } = await postgresMcp();
    await using proxy = await connectStdio(mcp);
    const { content } = await proxy.client.callTool({ name: "environment", arguments: {} });
    expect(JSON.stringify(content)).toContain("OF_THE_SERVER");
    expect(JSON.stringify(content)).not.toContain("PGPASSWORD");
    expect(proxy.said()).not.toContain(password);
  });

  test("that cannot get in starts no server", async () => {
    const { mcp } = await postgresMcp();
    const started = `${mcp.folder}/started`;
    const argv = [...proxyArgs(mcp), "--", "touch", started];
    const bad = await spawnAegis(argv, { env: { ...mcp.env, PGPASSWORD: "wrong" } });
    expect(bad.exitCode).not.toBe(0);
    expect(await Bun.file(started).exists()).toBe(false);
    await spawnAegis(argv, { env: mcp.env });
    expect(await Bun.file(started).exists()).toBe(true);
  });

  test("and with --ledger is one too many", async () => {
    const place = mcpPlace(permissions);
    const flags = ["--dsn", "postgres://aegis@127.0.0.1/none"];
    const { exitCode, stderr } = await spawnAegis([...proxyArgs(place, ...flags), "--", "true"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("--ledger and --dsn exclude each other");
  });
});
