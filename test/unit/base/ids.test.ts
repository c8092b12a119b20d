// Random ids, which are drawn many at once.

import { expect, test } from "bun:test";
import { createRandomIds } from "../../../src/base/ids.ts";

test.each([8, 16])("ids of %p bytes are lower-case hex, and none comes twice", (sizeBytes) => {
  const next = createRandomIds(sizeBytes);
  const ids = Array.from({ length: 2000 }, next);
  const form = new RegExp(`^[0-9a-f]{${2 * sizeBytes}}$`);
  expect(ids.filter((id) => !form.test(id))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});
