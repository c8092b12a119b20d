import { describe, expect, test } from "bun:test";
import { renderTable, shorten } from "../../../../src/cli/render/table.ts";

const columns = [
  { title: "NAME" },
  { title: "COUNT", align: "right" },
  { title: "PATH", shrinkTo: 10 },
] as const;
const rows = [
  ["one", "1", "/home/me/project/src/main.ts"],
  ["漢字", "1200", "/x"],
];

describe("renderTable()", () => {
  test("aligns by what a terminal shows and leaves no blanks at the end", () => {
    expect(renderTable(columns, rows, undefined)).toBe(
      "NAME  COUNT  PATH\none       1  /home/me/project/src/main.ts\n漢字   1200  /x\n",
    );
  });

  test("shortens in the middle to fit, and no further than a column allows", () => {
    const fitting = renderTable(columns, rows, 30);
    expect(fitting).toBe("NAME  COUNT  PATH\none       1  /home/…rc/main.ts\n漢字   1200  /x\n");
    for (const line of fitting.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(30);
    expect(renderTable(columns, rows, 5)).toContain("/ho…ain.ts");
  });

  test("lets no cell move the cursor or fake a row", () => {
    const text = renderTable(columns, [["a\nb", "\x1b[2J", "\u202ex"]], undefined);
    expect(text.split("\n").length).toBe(3);
    expect(text).toContain("a\\nb");
    expect(text).not.toContain("\x1b");
  });

  test("colours a cell without counting the colour", () => {
    const painted = renderTable(
      [{ title: "D", paint: (cell: string) => `<${cell}>` }, { title: "E" }],
      [
        ["deny", "x"],
        ["ok", "y"],
      ],
      undefined,
    );
    expect(painted).toBe("D     E\n<deny>  x\n<ok>    y\n");
  });
});

test("renderTable() takes more rows than a call takes arguments", () => {
  const many = Array.from({ length: 300_000 }, (_, at) => [String(at)]);
  expect(renderTable([{ title: "N" }], many, 80).length).toBe(1_988_892);
});

test("shorten() keeps both ends and never exceeds the width", () => {
  for (let width = 0; width < 12; width++) {
    expect(Bun.stringWidth(shorten("/etc/漢字漢字/passwd", width))).toBeLessThanOrEqual(width);
  }
  expect(shorten("abc", 3)).toBe("abc");
  expect(shorten("abcdef", 1)).toBe("…");
});
