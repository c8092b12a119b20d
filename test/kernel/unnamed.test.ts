// Calls that name nothing: what cannot be read as a path is the row `?`, and what fails before
// there is anything it could name leaves none, under `run` and `wrap` alike.

import { afterAll, describe, expect } from "bun:test";
import { settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { makeScene, removeScenes, runIn } from "../support/in-setting.ts";

afterAll(removeScenes);

const needs = ["linux", "landlock", "seccomp"] as const;
const script = `
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
nowhere = ctypes.c_void_p(1)
def tried(result):
    print(errno.errorcode.get(ctypes.get_errno()) if result < 0 else "ok")
    ctypes.set_errno(0)
tried(libc.openat(99, b"unnamed-open", os.O_RDONLY))
tried(libc.openat(99, b"unnamed-new", os.O_WRONLY | os.O_CREAT, 0o600))
tried(libc.unlinkat(99, b"unnamed-gone", 0))
tried(libc.connect(libc.socket(1, 1, 0), nowhere, 16))
tried(libc.openat(99, os.path.abspath("named").encode(), os.O_WRONLY | os.O_CREAT, 0o600))
tried(libc.unlink(nowhere))
tried(libc.mkdir(nowhere, 0o700))
`;
const answers = ["EBADF", "EBADF", "EBADF", "EFAULT", "ok", "EFAULT", "EFAULT"];

interface Row {
  readonly action: string;
  readonly path: string;
  readonly decision: string;
}

describe.each(settings())("$name", (setting) => {
  const commands = [
    ["run", "deny"],
    ["wrap", "allow"],
  ] as const;
  for (const [command, decision] of commands) {
    testWith(needs, `${command}: what names nothing, and what cannot be read`, async () => {
      const scene = makeScene(setting);
      const told = await runIn(scene, [command, "--", "/usr/bin/python3", "-c", script]);
      expect(told.stdout.trim().split("\n")).toEqual(answers);
      const { stdout } = await runIn(scene, ["log", "--json", "--last", "1000"]);
      const { entries } = JSON.parse(stdout) as { entries: { payload: Row }[] };
      const rows = entries.map(({ payload }) => payload);
      expect(rows.filter(({ path }) => path?.includes("unnamed"))).toEqual([]);
      expect(rows.filter(({ action }) => action === "NetConnect")).toEqual([]);
      expect(rows.find(({ path }) => path === `${scene.ws}/named`)).toMatchObject({
        action: "FileWrite",
        decision: "allow",
      });
      const unread = rows.filter(({ path }) => path === "?");
      expect(unread.map(({ action }) => action).sort()).toEqual(["DirCreate", "FileDelete"]);
      expect(unread.every((row) => row.decision === decision)).toBe(true);
    });
  }
});
