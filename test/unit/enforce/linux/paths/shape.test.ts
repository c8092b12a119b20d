import { expect, test } from "bun:test";
import type { AbsPath } from "../../../../../src/base/paths.ts";
import {
  covers,
  intersect,
  mayMatch,
  meaningOf,
  type Shape,
} from "../../../../../src/enforce/linux/paths/shape.ts";
import { isLike } from "../../../../../src/policy/like.ts";

const at = (path: string) => path as AbsPath;
const paths: AbsPath[] = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/b"].map(at);
const shapes: Shape[] = paths.flatMap((path) =>
  (["exact", "tree", "below"] as const).map((kind) => ({ kind, path })),
);
/** Deep enough that every shape above that has members has one here. */
const universe = [...paths, "/a/x", "/a/b/x", "/a/b/c/x", "/ab/x", "/b/x", "/x"];

/** Membership by its definition, for comparison. */
function holds(shape: Shape, path: string): boolean {
  const below = shape.path === "/" ? path !== "/" : path.startsWith(`${shape.path}/`);
  if (shape.kind === "exact") return path === shape.path;
  return shape.kind === "below" ? below : below || path === shape.path;
}

test("covers() and intersect() agree with membership for every pair of shapes", () => {
  for (const a of shapes) {
    for (const b of shapes) {
      const both = universe.filter((path) => holds(a, path) && holds(b, path));
      const common = intersect(a, b);
      const members = common === undefined ? [] : universe.filter((path) => holds(common, path));
      expect({ a, b, members }).toEqual({ a, b, members: both });
      const all = universe.every((path) => !holds(b, path) || holds(a, path));
      expect({ a, b, covers: covers(a, b) }).toEqual({ a, b, covers: all });
    }
  }
});

test("a pattern is a shape where it means one", () => {
  const like = (...parts: string[]) => meaningOf({ kind: "path-like", parts, negated: false });
  expect(like("", "")).toEqual({ kind: "shape", shape: { kind: "tree", path: at("/") } });
  expect(like("/", "")).toEqual({ kind: "shape", shape: { kind: "tree", path: at("/") } });
  expect(like("/dir/", "")).toEqual({ kind: "shape", shape: { kind: "below", path: at("/dir") } });
  expect(like("/dir/", "", "")).toEqual({
    kind: "shape",
    shape: { kind: "below", path: at("/dir") },
  });
  expect(like("/a/file")).toEqual({ kind: "shape", shape: { kind: "exact", path: at("/a/file") } });
  expect(like("/dir", "")).toEqual({ kind: "glob", parts: ["/dir", ""] });
  expect(like("", ".pem")).toEqual({ kind: "glob", parts: ["", ".pem"] });
  expect(like("/a/", "/b")).toEqual({ kind: "glob", parts: ["/a/", "/b"] });
  expect(like("/dir//", "")).toEqual({ kind: "nothing" });
  expect(like("relative")).toEqual({ kind: "nothing" });
});

test("other atoms are the shapes their names say", () => {
  expect(meaningOf({ kind: "path-in", path: "/a/b", negated: false })).toEqual({
    kind: "shape",
    shape: { kind: "tree", path: at("/a/b") },
  });
  expect(meaningOf({ kind: "path-equals", path: "/a", negated: false })).toEqual({
    kind: "shape",
    shape: { kind: "exact", path: at("/a") },
  });
  expect(meaningOf({ kind: "path-equals", path: "localhost", negated: false })).toEqual({
    kind: "nothing",
  });
});

test("mayMatch() never misses a path of the shape that matches", () => {
  const patterns = [
    ["", ".pem"],
    ["/a", ""],
    ["/a/", "x"],
    ["/a/b", "/x"],
    ["/", "b"],
    ["/ab", ""],
    ["/zz", ""],
  ];
  for (const parts of patterns) {
    for (const shape of shapes) {
      const matched = universe.some((path) => holds(shape, path) && isLike(parts, path));
      if (matched)
        expect({ parts, shape, may: mayMatch(parts, shape) }).toMatchObject({ may: true });
    }
  }
  expect(mayMatch(["/zz", ""], { kind: "tree", path: at("/a") })).toBe(false);
  expect(mayMatch(["", ".pem"], { kind: "exact", path: at("/a/b") })).toBe(false);
});
