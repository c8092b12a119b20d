import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { realDisk } from "../../../../../src/enforce/linux/paths/disk.ts";
import { RecordingView } from "../../../../../src/enforce/linux/paths/disk-view.ts";
import { at } from "../../../../support/ir.ts";
import { tempDir } from "../../../../support/temp.ts";

function scene(): string {
  const base = tempDir("disk");
  mkdirSync(`${base}/real/deep`, { recursive: true });
  writeFileSync(`${base}/real/deep/file`, "");
  symlinkSync("real", `${base}/link`);
  symlinkSync(`${base}/link/deep`, `${base}/far`);
  symlinkSync("../real/deep/file", `${base}/real/up`);
  symlinkSync("nowhere/at/all", `${base}/dangling`);
  symlinkSync("round", `${base}/round`);
  return base;
}

test("paths lead where the kernel would go, and links are known by their place", () => {
  const base = scene();
  const disk = realDisk();
  const rows = [
    ["real", "directory", "real", []],
    ["real/deep/file", "file", "real/deep/file", []],
    ["link", "directory", "real", ["link"]],
    ["link/deep/file", "file", "real/deep/file", ["link"]],
    ["far/file", "file", "real/deep/file", ["far", "link"]],
    ["link/up", "file", "real/deep/file", ["link", "real/up"]],
    ["link/none/x", "absent", "real/none/x", ["link"], "real/none"],
    ["dangling", "absent", "nowhere/at/all", ["dangling"], "nowhere"],
    ["real/deep/file/x", "absent", "real/deep/file/x", [], "real/deep/file/x"],
  ] as const;
  for (const [path, kind, place, links, missing = ""] of rows) {
    const full = `${base}/${place}`;
    expect(disk.look(at(`${base}/${path}`))).toEqual({
      path: at(`${base}/${path}`),
      kind,
      realPath: kind === "absent" ? "" : full,
      place: at(full),
      links: links.map((link) => at(`${base}/${link}`)),
      missing: missing === "" ? undefined : at(`${base}/${missing}`),
    });
  }
  expect(disk.look(at(`${base}/round`)).kind).toBe("absent");
});

test("devices are other, and a process's own folder in /proc keeps its name", () => {
  const disk = realDisk();
  expect(disk.look(at("/dev/null")).kind).toBe("other");
  expect(disk.look(at("/proc/self/status"))).toMatchObject({
    kind: "file",
    place: "/proc/self/status",
  });
});

test("what a plan looked at is remembered once, in order", () => {
  const base = scene();
  const view = new RecordingView(realDisk());
  view.look(at(`${base}/link`));
  view.look(at(`${base}/none`));
  view.look(at(`${base}/none/a/b`));
  view.look(at(`${base}/none/c`));
  view.look(at(`${base}/link`));
  expect(view.facts()).toEqual([
    { path: `${base}/link`, kind: "directory", realPath: `${base}/real` },
    { path: `${base}/none`, kind: "absent", realPath: "" },
  ]);
});
