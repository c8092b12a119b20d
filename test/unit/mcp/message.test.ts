import { describe, expect, test } from "bun:test";
import { NumberText } from "../../../src/base/json-text.ts";
import { idKey, messagesOf, readMessages } from "../../../src/mcp/message.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("what is read as a message", () => {
  const good: readonly (readonly [string, string, string])[] = [
    ["a request", '{"jsonrpc":"2.0","id":1,"method":"ping"}', "request"],
    ["with a text as id", '{"jsonrpc":"2.0","id":"a","method":"ping"}', "request"],
    ["with an escaped method", '{"jsonrpc":"2.0","id":1,"method":"tools\\u002fcall"}', "request"],
    ["a notification", '{"jsonrpc":"2.0","method":"notifications/b"}', "notification"],
    ["a result", '{"jsonrpc":"2.0","id":1,"result":{}}', "response"],
    ["an error about nothing", '{"jsonrpc":"2.0","id":null,"error":{"code":1}}', "response"],
    ["members nobody knows", '{"x":1,"jsonrpc":"2.0","id":1,"method":"ping"}', "request"],
  ];
  for (const [name, text, kind] of good) {
    test(name, () => {
      const read = messagesOf(text);
      if (!read.ok) throw new Error(read.error.message);
      const [message] = read.value.messages;
      expect(message?.kind).toBe(kind as "request");
      expect(message?.text).toBe(text);
    });
  }
  const deep = `${'{"a":'.repeat(70)}1${"}".repeat(70)}`;
  const bad: readonly (readonly [string, string, number])[] = [
    ["no JSON", "hello", -32700],
    ["two methods", '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', -32700],
    ["deep nesting", `{"jsonrpc":"2.0","method":"a","params":${deep}}`, -32700],
    ["half a character", '{"jsonrpc":"2.0","method":"\\ud800"}', -32700],
    ["a byte order mark", '\ufeff{"jsonrpc":"2.0","method":"a"}', -32700],
    ["another version", '{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    ["no version", '{"id":1,"method":"ping"}', -32600],
    ["a request without an id", '{"jsonrpc":"2.0","method":"tools/call"}', -32600],
    ["a notification nobody knows", '{"jsonrpc":"2.0","method":"notification/b"}', -32600],
    ["a result of nothing", '{"jsonrpc":"2.0","id":null,"result":{}}', -32600],
    ["a result without an id", '{"jsonrpc":"2.0","result":{}}', -32600],
    [
      "a notification with an id of null",
      '{"jsonrpc":"2.0","id":null,"method":"notifications/b"}',
      -32600,
    ],
    ["an id of null", '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ["a broken id", '{"jsonrpc":"2.0","id":1.0,"method":"ping"}', -32600],
    ["an id in another spelling", '{"jsonrpc":"2.0","id":1e0,"method":"ping"}', -32600],
    ["an id of minus zero", '{"jsonrpc":"2.0","id":-0,"method":"ping"}', -32600],
    [
      "an id beyond exact numbers",
      '{"jsonrpc":"2.0","id":12345678901234567890,"method":"a"}',
      -32600,
    ],
    ["an object as id", '{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
    ["a long id", `{"jsonrpc":"2.0","id":"${"x".repeat(300)}","method":"ping"}`, -32600],
    ["request and answer at once", '{"jsonrpc":"2.0","id":1,"method":"a","result":1}', -32600],
    ["result and error at once", '{"jsonrpc":"2.0","id":1,"error":{},"result":1}', -32600],
    ["nothing at all", '{"jsonrpc":"2.0","id":1}', -32600],
    ["a method that is no text", '{"jsonrpc":"2.0","id":1,"method":1}', -32600],
    ["an empty batch", "[]", -32600],
    ["a batch in a batch", '[[{"jsonrpc":"2.0","method":"a"}]]', -32600],
    ["a large batch", `[${Array(101).fill('{"jsonrpc":"2.0","method":"a"}')}]`, -32600],
    ["a number", "1", -32600],
  ];
  for (const [name, text, code] of bad) {
    test(`not ${name}`, () => {
      const read = messagesOf(text);
      expect(read.ok ? undefined : read.error.code).toBe(code as -32700);
    });
  }
  test("not what is no UTF-8", () => {
    const broken = bytes('{"jsonrpc":"2.0","method":"notifications/X"}');
    broken[broken.indexOf(0x58)] = 0xff;
    expect(readMessages(broken).ok).toBe(false);
    expect(readMessages(bytes('{"jsonrpc":"2.0","method":"notifications/é"}')).ok).toBe(true);
  });
});

test("of an answer nothing passes that is not recorded", () => {
  const read = messagesOf('{"x":"unseen","jsonrpc":"2.0","id":1,"result":{"x":1.0},"params":{}}');
  const [message] = read.ok ? read.value.messages : [];
  expect(message?.text).toBe('{"jsonrpc":"2.0","id":1,"result":{"x":1.0}}');
  expect([...(message?.members.keys() ?? [])]).toEqual(["jsonrpc", "id", "result"]);
});

test("a text and a number are different ids", () => {
  expect(idKey("1")).not.toBe(idKey(new NumberText("1")));
  expect(idKey("#1")).not.toBe(idKey(new NumberText("1")));
});
