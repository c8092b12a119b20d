// A name that leads to this machine by an address that is public, and this machine's own: a network
// namespace whose loopback has such addresses. Nothing is sent to any of them.

import { expect } from "bun:test";
import { join } from "node:path";
import { testWith } from "../support/features.ts";
import { repoRoot } from "../support/harness.ts";

const needs = ["linux", "userns", "tool ip"] as const;
const own = ["45.45.45.45", "2a00::45"];
const others = ["45.45.45.46", "2a00::46"];

testWith(needs, "a granted name does not lead to an address of this machine", async () => {
  const up = ["ip link set lo up", ...own.map((address) => `ip addr add ${address} dev lo`)];
  const script = [...up, 'exec "$@"'].join(" && ");
  const program = [process.execPath, join(repoRoot, "test/fixtures/own-address.ts")];
  const child = Bun.spawn(
    [
      ...["unshare", "--user", "--map-root-user", "--net", "/bin/sh", "-c", script, "sh"],
      ...[...program, ...own, "64:ff9b::2d2d:2d2d", ...others],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const answers = JSON.parse(await child.stdout.text()) as unknown;
  const refused = [...own, "64:ff9b::2d2d:2d2d"].map((address) => [
    ...[address, 13],
    `${address}, the address of evil.example, is this machine, and no permit names it`,
  ]);
  const granted = others.map((address) => [address, 0, expect.any(String)]);
  expect(answers).toEqual([...refused, ...granted]);
});
