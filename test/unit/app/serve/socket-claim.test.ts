// Where a server's socket may be, what of a former one is replaced, and what is left behind.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { claimSocket } from "../../../../src/app/serve/socket-claim.ts";
import { type AbsPath, resolvePath } from "../../../../src/base/paths.ts";
import { programMs } from "../../../support/patience.ts";
import { tempDir } from "../../../support/temp.ts";

function at(...parts: readonly string[]): AbsPath {
  return resolvePath("/" as AbsPath, join(...parts));
}

/** A server of ours there, as `aegis serve` makes one. */
async function served(path: AbsPath, group?: number) {
  const claim = await claimSocket(path);
  const server = createServer();
  claim.make(() => server.listen(claim.path), group);
  return {
    release: () => claim.release(),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      await closed;
      claim.release();
    },
  };
}

/** What a server leaves that was killed: a socket nobody listens on. */
async function deadSocket(path: string): Promise<void> {
  const program = `require("node:net").createServer().listen(${JSON.stringify(path)}, () =>
    process.kill(process.pid, "SIGKILL"))`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    env: { ...process.env, BUN_BE_BUN: "1" },
    stdio: ["ignore", "ignore", "ignore"],
    timeout: programMs,
  });
  await child.exited;
  expect(lstatSync(path).isSocket()).toBe(true);
}

describe("the place of a socket", () => {
  test("is the owner's alone, and empty again afterwards", async () => {
    const folder = tempDir("claim");
    const before = process.umask(0);
    try {
      const server = await served(at(folder, "s"));
      expect(process.umask()).toBe(0);
      expect(lstatSync(join(folder, "s")).mode & 0o777).toBe(0o600);
      await server.stop();
    } finally {
      process.umask(before);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is shared with a group that is named", async () => {
    const folder = tempDir("claim");
    const gid = process.getegid?.() ?? 0;
    const server = await served(at(folder, "s"), gid);
    const { mode, gid: given } = lstatSync(join(folder, "s"));
    expect([mode & 0o777, given]).toEqual([0o660, gid]);
    await server.stop();
  });

  test("is taken over from a dead server, and not from a living one", async () => {
    const path = at(tempDir("claim"), "s");
    await deadSocket(path);
    const server = await served(path);
    await expect(claimSocket(path)).rejects.toThrow("a server listens there");
    await server.stop();
    await (await served(path)).stop();
  });

  test("is not taken from a living server that locks nothing", async () => {
    const folder = tempDir("claim");
    const other = createServer().listen(join(folder, "s"));
    await expect(claimSocket(at(folder, "s"))).rejects.toThrow("a server listens there");
    expect(readdirSync(folder)).toEqual(["s"]);
    other.close();
  });

  test("goes to one of several that find the same dead server's", async () => {
    const path = at(tempDir("claim"), "s");
    await deadSocket(path);
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => served(path)));
    const won = tries.filter((one) => one.status === "fulfilled");
    expect(won).toHaveLength(1);
    await won[0]?.value.stop();
  });

  test("is left alone at the end when another socket is there by then", async () => {
    const path = at(tempDir("claim"), "s");
    const claim = await claimSocket(path);
    const first = createServer();
    claim.make(() => first.listen(claim.path), undefined);
    await new Promise((resolve) => first.close(resolve));
    const other = createServer().listen(path);
    claim.release();
    expect(existsSync(path)).toBe(true);
    other.close();
  });

  test.each([
    ["a file", (path: string) => writeFileSync(path, "")],
    ["a folder", (path: string) => mkdirSync(path)],
    ["a link", (path: string) => symlinkSync("/nowhere", path)],
  ])("is not taken from %s", async (_, make) => {
    const folder = tempDir("claim");
    make(join(folder, "s"));
    await expect(claimSocket(at(folder, "s"))).rejects.toThrow("something that is no socket");
    expect(readdirSync(folder)).toEqual(["s"]);
  });

  test("has at most 107 bytes", async () => {
    const folder = tempDir("claim");
    const name = (size: number) => "s".repeat(size - Buffer.byteLength(folder) - 1);
    await (await served(at(folder, name(107)))).stop();
    await expect(claimSocket(at(folder, name(108)))).rejects.toThrow("at most 107");
  });

  test.each([
    ["everybody", 0o777],
    ["everybody, though sticky", 0o1777],
    ["its group", 0o770],
  ])("is in no folder that %s may write to", async (_, mode) => {
    const folder = join(tempDir("claim"), "folder");
    mkdirSync(folder);
    chmodSync(folder, mode);
    await expect(claimSocket(at(folder, "s"))).rejects.toThrow("other users may write to");
    chmodSync(folder, 0o755);
    await (await served(at(folder, "s"))).stop();
  });

  test("is below no folder that others may write to, unless they cannot rename there", async () => {
    const upper = join(tempDir("claim"), "upper");
    const folder = join(upper, "folder");
    mkdirSync(folder, { recursive: true });
    chmodSync(upper, 0o777);
    await expect(claimSocket(at(folder, "s"))).rejects.toThrow(`the folder "${upper}"`);
    chmodSync(upper, 0o1777);
    await (await served(at(folder, "s"))).stop();
  });

  test("is where its folder really is, whatever the links on the way", async () => {
    const folder = tempDir("claim");
    mkdirSync(join(folder, "real"), { mode: 0o700 });
    symlinkSync("real", join(folder, "link"));
    const server = await served(at(folder, "link", "s"));
    expect(lstatSync(join(folder, "real", "s")).isSocket()).toBe(true);
    await server.stop();
  });

  test("is in a folder that is there", async () => {
    await expect(claimSocket(at(tempDir("claim"), "none", "s"))).rejects.toThrow("no such file");
  });
});
