// A box whose connections are judged by name, with a stand-in for sandbox-exec.

import { expect, test } from "bun:test";
import type { BoxLaunch, BoxRequest } from "../../../../src/enforce/backend.ts";
import { realDisk } from "../../../../src/enforce/linux/paths/disk.ts";
import { seatbeltBackend } from "../../../../src/enforce/seatbelt/backend.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import { callsOf, standIn } from "../../../support/seatbelt-programs.ts";
import { tempDir } from "../../../support/temp.ts";

function request(workspace: string, capabilities: readonly Capability[]): BoxRequest {
  return {
    capabilities: { version: 1, capabilities },
    agent: "agent",
    workspace,
    home: "/Users/me",
    audit: "full",
    ownPaths: [],
    allowWeaker: false,
    observeOnly: false,
  };
}

test("rules by host need a gateway, whose port the profile names", async () => {
  const sandboxExec = standIn("sandbox-exec");
  const workspace = tempDir("workspace");
  const backend = seatbeltBackend({
    sandboxExec: sandboxExec.program,
    trialProgram: "/usr/bin/true",
    disk: realDisk(),
    ignoresCase: () => false,
    sources: [],
  });
  const permit: Capability = {
    effect: "permit",
    actions: ["NetConnect"],
    agent: undefined,
    where: [{ kind: "host-equals", host: "a.example", negated: false }],
    origin: { rule: "a", source: "p.cedar", line: 1, column: 1 },
  };
  const wanted = request(workspace, [permit]);
  const box = await backend.prepare(wanted);
  expect(box.network).toEqual(wanted.capabilities);
  expect(callsOf(sandboxExec)[0]?.[1]).toContain('(remote tcp "localhost:1")');
  const row = box.coverage.find(({ protection }) => protection === "network");
  expect([row?.level, row?.by.includes("use no proxy get no network")]).toEqual(["enforced", true]);

  const launch: BoxLaunch = {
    program: "/bin/sh",
    argv: ["sh", "-c", "exit 0"],
    environment: ["PATH=/usr/bin:/bin"],
    directory: workspace,
    stdoutToStderr: true,
  };
  const ignore = async () => undefined;
  expect(backend.launch(box, launch, ignore)).rejects.toThrow("need a gateway");
  const gateway = { port: 4321, resolverPort: 1, token: new Uint8Array(32) };
  await (await backend.launch(box, { ...launch, gateway }, ignore)).exited;
  expect(callsOf(sandboxExec).at(-1)?.[1]).toContain('(remote tcp "localhost:4321")');

  const everyHost = { ...permit, where: [] };
  expect((await backend.prepare(request(workspace, [everyHost]))).network).toBeUndefined();
});
