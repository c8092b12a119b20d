// A kept box with overlays: what was writable is not any more, and everything else is as it was.

import { expect, test } from "bun:test";
import { type BoxPlan, encodeBox } from "../../../src/bridge/encode-plan.ts";
import { mountsOf, withOverlays } from "../../../src/bridge/overlay-plan.ts";
import { countRecords } from "../../../src/bridge/plan-writer.ts";

const writable = (path: string) => ({ kind: "writable", path, optional: false }) as const;

const box: BoxPlan = {
  namespaces: { user: false, mount: true, pid: true, net: false, ipc: false },
  mounts: [
    { kind: "read-only-root" },
    writable("/a"),
    { kind: "tmpfs", path: "/tmp", mode: 0o1777, sizeBytes: 1n },
    writable("/tmp/ä"),
    writable("/dev/pts"),
    { kind: "read-only", path: "/a/.git", optional: false },
  ],
  landlock: undefined,
  seccomp: undefined,
  notify: undefined,
  rules: [],
  rlimits: [],
  umask: undefined,
};

const layers = ["/a", "/tmp/ä"].map((place, index) => ({
  place,
  upper: `/run/${index}/upper`,
  work: `/run/${index}/work`,
}));

test("each place gets its layers, in the order of the mounts; a place without stays read-only", () => {
  const dry = withOverlays(encodeBox(box), layers);
  expect(mountsOf(dry).map(({ step, path }) => `${step} ${path}`)).toEqual([
    "read-only-root ",
    "overlay /a",
    "tmpfs /tmp",
    "overlay /tmp/ä",
    "read-only /a/.git",
  ]);
  expect(countRecords(dry)).toBe(countRecords(encodeBox(box)) - 1);
  for (const { upper, work } of layers) {
    expect(Buffer.from(dry).includes(upper)).toBe(true);
    expect(Buffer.from(dry).includes(work)).toBe(true);
  }
});

test("without a writable place a box is as it was", () => {
  const closed = encodeBox({ ...box, mounts: [{ kind: "read-only-root" }] });
  expect(withOverlays(closed, layers)).toEqual(closed);
});
