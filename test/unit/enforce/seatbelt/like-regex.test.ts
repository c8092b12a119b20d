// Expressions for patterns, checked against the byte-wise subset Seatbelt understands.

import { describe, expect, test } from "bun:test";
import { exactText, foldedText, likeRegex } from "../../../../src/enforce/seatbelt/like-regex.ts";
import { isLike } from "../../../../src/policy/like.ts";
import { seatbeltRegex } from "../../../support/seatbelt-regex.ts";

describe("an expression matches what the pattern matches", () => {
  const paths = [
    "/a",
    "/a/b",
    "/a/b.txt",
    "/a/b.txt\n",
    "/a/\nb.txt",
    "/a/b/c.txt",
    "/x/a/b.txt",
    "/a.b",
    "/aXb",
    "/a/é",
    "/a/[x]",
    "/a\\b",
    "/",
  ];
  const patterns = [
    ["/a/", ".txt"],
    ["/a/", ""],
    ["", ".txt"],
    ["", "/b", ""],
    ["", "b", "t", ""],
    ["/a", "", ".txt"],
    ["/a.", "b"],
    ["/a/[", "]"],
    ["/a\\", ""],
    ["/a/\n", ""],
    ["/", "é"],
    ["/a/b", "b.txt"],
  ];
  for (const parts of patterns) {
    test(JSON.stringify(parts.join("*")), () => {
      const matches = seatbeltRegex(likeRegex(parts, exactText));
      expect(paths.filter(matches)).toEqual(paths.filter((path) => isLike(parts, path)));
    });
  }
});

describe("a folded name matches every spelling a volume takes for it", () => {
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    [".git", [".git", ".GIT", ".Git"], [".gix", "git", ".git2"]],
    ["hooks", ["hooks", "HOOKS", "hoo\u212as", "hook\u017f"], ["hook", "hoooks"]],
    ["config", ["config", "CONFIG", "con\ufb01g"], ["conig"]],
    [".ssh", [".ssh", ".SSH", ".\u00dfh", ".\u1e9eh"], [".sh", ".\u00dfsh"]],
    ["office", ["office", "o\ufb03ce", "of\ufb01ce", "o\ufb00ice"], ["ofice"]],
    ["stuff", ["stuff", "\ufb06uff", "STUFF", "stu\ufb00"], ["stuf"]],
    ["\u00df", ["\u00df", "ss", "SS", "\u1e9e"], ["s"]],
    ["caf\u00e9", ["caf\u00e9", "cafe\u0301", "CAF\u00c9", "CAFE\u0301"], ["cafe"]],
    ["cafe\u0301", ["caf\u00e9", "cafe\u0301"], ["cafe"]],
    ["a.b", ["a.b", "A.B"], ["axb"]],
    ["(1)[2]", ["(1)[2]"], ["12"]],
    ["1-2_3", ["1-2_3"], ["1-2 3"]],
  ];
  for (const [name, equal, different] of rows) {
    test(JSON.stringify(name), () => {
      const matches = seatbeltRegex(`^${foldedText(name)}$`);
      expect(equal.filter((spelling) => !matches(spelling))).toEqual([]);
      expect(different.filter(matches)).toEqual([]);
    });
  }
});
