import { expect, test } from "bun:test";
import { type AbsPath, absPath, contains } from "../../../../../src/base/paths.ts";
import { RegionIndex } from "../../../../../src/enforce/linux/paths/region-index.ts";
import type { Shape } from "../../../../../src/enforce/linux/paths/shape.ts";
import { type PathAction, pathActions } from "../../../../../src/model/capability.ts";
import { pick, randomFrom } from "../../../../support/random-capabilities.ts";

const actions: readonly PathAction[] = pathActions.slice(0, 2);
const names = ["a", "a.b", "a-", "ab", "b", "é", "😀"];
const kinds: readonly Shape["kind"][] = ["exact", "tree", "below"];

test("the index finds what a look at every region finds, in the same order", () => {
  const random = randomFrom(7);
  const path = (): AbsPath => {
    const parts = Array.from({ length: random(4) }, () => pick(random, names));
    return absPath(`/${parts.join("/")}`) as AbsPath;
  };
  let found = 0;
  for (let round = 0; round < 200; round += 1) {
    const regions = Array.from({ length: random(40) }, () => ({
      action: pick(random, actions),
      shape: { kind: pick(random, kinds), path: path() },
    }));
    const index = new RegionIndex(regions);
    for (let asked = 0; asked < 20; asked += 1) {
      const [action, at] = [pick(random, actions), path()];
      const expected = regions.filter(
        ({ action: own, shape }) =>
          own === action && (contains(shape.path, at) || contains(at, shape.path)),
      );
      expect(index.near(action, at)).toEqual(expected);
      found += expected.length;
    }
  }
  expect(found).toBeGreaterThan(10_000);
});
