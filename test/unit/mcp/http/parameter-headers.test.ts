// What headers repeat of a call whose arguments a person changed.

import { expect, test } from "bun:test";
import { allowedHeaders } from "../../../../src/mcp/http/headers.ts";
import { messagesOf } from "../../../../src/mcp/message.ts";
import { allowedText } from "../../../../src/mcp/tool-call.ts";
import type { JsonObject } from "../../../../src/model/event.ts";
import { call } from "../../../support/mcp-gate.ts";

function sent(args: JsonObject, editedArgs: JsonObject | undefined, value: string) {
  const read = messagesOf(JSON.stringify(call(1, "echo", args)));
  const [asked] = read.ok ? read.value.messages : [];
  if (asked?.kind !== "request") throw new Error("it is no request");
  const permit = { editedArgs, trace: {} };
  const text = allowedText(asked, permit);
  const headers = new Headers({ "Mcp-Name": "echo", "Mcp-Param-Place": value });
  return allowedHeaders(headers, asked, text, permit).get("Mcp-Param-Place");
}

const encoded = (text: string) => `=?base64?${Buffer.from(text).toString("base64")}?=`;
const region = { region: "eu", size: 3, deep: { on: true } };

test.each([
  ["a text", region, { ...region, region: "us" }, "eu", "us"],
  ["a number", region, { ...region, size: 4.5 }, "3", "4.5"],
  ["a truth value inside", region, { ...region, deep: { on: false } }, "true", "false"],
  ["what was not changed", region, { ...region, size: 4 }, "eu", "eu"],
  ["nothing, where no person changed anything", region, undefined, "other", "other"],
  ["what no header can hold", { a: "é" }, { a: "日本\n" }, encoded("é"), encoded("日本\n")],
  ["one of two that are the same still", { a: "x", b: "x" }, { a: "y", b: "y" }, "x", "y"],
  ["a text that was empty", { a: "" }, { a: "x" }, "", "x"],
])("%s is repeated as it is sent", (_, args, edited, before, after) => {
  expect(sent(args, edited, before)).toBe(after);
});

test.each([
  ["an argument that is gone", region, { size: 3 }, "eu"],
  ["one that is another thing now", region, { ...region, region: ["us"] }, "eu"],
  ["one of two that are not the same any more", { a: "x", b: "x" }, { a: "x", b: "y" }, "x"],
  ["no argument", region, { ...region, size: 4 }, "other"],
  ["nothing that can be read", region, { ...region, size: 4 }, "=?base64?%%?="],
])("a header of %s goes", (_, args, edited, before) => {
  expect(sent(args, edited, before)).toBeNull();
});
