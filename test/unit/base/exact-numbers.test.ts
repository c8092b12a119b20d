import { expect, test } from "bun:test";
import { canonicalJson } from "../../../src/base/canonical-json.ts";
import { exactText, inexactNumber, inexactText } from "../../../src/base/exact-numbers.ts";
import { parseJsonText, plainJson } from "../../../src/base/json-text.ts";

test.each([
  ...["0", "-0", "0.0", "1", "1.0", "-1e2", "100E-2", "0.1", "0.30000000000000004", "1e22"],
  ...["9007199254740992", "9007199254740994", "1234567890123456800", "123456789012345e3"],
  ...["1.7976931348623157e308", "5e-324", "999999999999999", "0.000999999999999999", "0e999"],
])("%s is the same as a double", (text) => {
  expect(inexactNumber(parseJsonText(text))).toBeUndefined();
});

test.each([
  ...["9007199254740993", "-9007199254740993", "9007199254740993.0", "1234567890123456789"],
  ...["0.10000000000000001", "90071992547409.931", "1e-400", "1e400", "1e99999999999999999999"],
])("%s is another one", (text) => {
  expect(inexactNumber(parseJsonText(text))?.text).toBe(text);
});

test("the first one is found wherever it is, and named", () => {
  const found = inexactNumber(parseJsonText('{"a":1,"b":[{"c":9007199254740993},1e-400]}'));
  if (found === undefined) throw new Error("it is not found");
  expect(inexactText(found)).toBe(
    'the number 9007199254740993 of "b.0.c" would be read as 9007199254740992',
  );
});

test("values have one text, whatever their spelling and order", () => {
  const spelled = '{"b":[9007199254740993.0,-0],"a":"\\u0041"}';
  const again = '{ "a": "A", "b": [90071992547409930e-1, 0e7] }';
  expect(exactText(parseJsonText(spelled))).toBe('{"a":"A","b":[9007199254740993e0,0]}');
  expect(exactText(parseJsonText(again))).toBe(exactText(parseJsonText(spelled)));
});

test.each([
  ["9007199254740993", "9007199254740992"],
  ["9007199254740993", '"9007199254740993"'],
  ["9007199254740993", '"9007199254740993e0"'],
  ["1e-400", "0"],
  ["0.10000000000000001", "0.1"],
  ["[9007199254740993]", "[9007199254740993,1]"],
])("%s has another text than %s", (inexact, other) => {
  const text = exactText(parseJsonText(inexact));
  expect(text).not.toBe(exactText(parseJsonText(other)));
  expect(text).not.toBe(canonicalJson(plainJson(parseJsonText(other))));
});
